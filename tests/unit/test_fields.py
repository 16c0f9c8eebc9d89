"""Every bad field of a request is found in one pass, and a good request is read as it was meant."""

import unicodedata
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meimage.v1 import me_image_pb2 as pb

from service.domain.errors import InvalidFields
from service.domain.ids import parse_uuid
from service.domain.model import Kind, Slot, Usage
from service.rpc.enums import KIND_NUMBERS, RENDITIONS, SLOT_NUMBERS, VIEWS
from service.rpc.fields import Fields, user_id_field


def bad_fields(new: pb.NewMeImage) -> list[str]:
    fields = Fields()
    fields.new_me_image(new)
    try:
        fields.check()
    except InvalidFields as refused:
        return [violation.field for violation in refused.violations]
    return []


@given(value=st.uuids())
def test_a_uuid_is_read_in_either_case(value: UUID) -> None:
    assert parse_uuid(str(value)) == parse_uuid(str(value).upper()) == value


@pytest.mark.parametrize(
    "text",
    ["", "1", "{{{x}}}", "urn:uuid:{x}", "{x}-", "{x} ", "\n{x}", "{x}0", "{h}", "{x}\0", "\u0661{t}"],
)
def test_other_spellings_of_a_uuid_are_refused(text: str) -> None:
    value = UUID(int=2**127 + 1)
    spelled = text.format(x="x", h=value.hex, t=str(value)[1:]).replace("x", str(value))
    assert parse_uuid(spelled) is None


@given(text=st.text())
def test_any_text_is_a_uuid_or_none(text: str) -> None:
    value = parse_uuid(text)
    assert value is None or str(value) == text.lower()


@given(text=st.text(max_size=140))
def test_a_user_id_is_1_to_128_characters_without_control(text: str) -> None:
    is_good = 1 <= len(text) <= 128 and not any(unicodedata.category(letter) == "Cc" for letter in text)
    if is_good:
        assert user_id_field(text) == text
    else:
        with pytest.raises(InvalidFields) as refused:
            user_id_field(text)
        assert [violation.field for violation in refused.value.violations] == ["user_id"]


@pytest.mark.parametrize("text", ["", "\0", "a\0b", "a\nb", "\x7f", "x" * 129])
def test_user_ids_that_nobody_has(text: str) -> None:
    with pytest.raises(InvalidFields):
        user_id_field(text)


def test_a_new_me_image_is_read_with_its_defaults() -> None:
    read = Fields().new_me_image(pb.NewMeImage(kind=pb.KIND_FACE))
    assert (read.kind, read.label, read.tags, read.claim_slots) == (Kind.FACE, "", (), ())
    assert read.usage == Usage(ai_reference=False, show_in_profile=True)
    hidden = Fields().new_me_image(pb.NewMeImage(kind=pb.KIND_FACE, usage=pb.Usage(show_in_profile=False)))
    assert not hidden.usage.show_in_profile


def test_repetitions_are_dropped() -> None:
    slots = [pb.SLOT_BODY_REF, pb.SLOT_AVATAR, pb.SLOT_BODY_REF]
    read = Fields().new_me_image(pb.NewMeImage(kind=pb.KIND_HANDS, tags=["b", "a", "b"], claim_slots=slots))
    assert read.tags == ("b", "a")
    assert read.claim_slots == (Slot.AVATAR, Slot.BODY_REF)


@pytest.mark.parametrize(
    ("new", "bad"),
    [
        (pb.NewMeImage(kind=pb.KIND_FACE, label="é" * 200, tags=["ü" * 64] + [str(n) for n in range(31)]), []),
        (pb.NewMeImage(), ["new_me_image.kind"]),
        (pb.NewMeImage(kind=pb.Kind.ValueType(6)), ["new_me_image.kind"]),
        (pb.NewMeImage(kind=pb.KIND_FACE, label="x" * 201), ["new_me_image.label"]),
        (pb.NewMeImage(kind=pb.KIND_FACE, tags=["x"] * 33), ["new_me_image.tags"]),
        (pb.NewMeImage(kind=pb.KIND_FACE, tags=["ok", "x" * 65, ""]), ["new_me_image.tags[1]", "new_me_image.tags[2]"]),
        (
            pb.NewMeImage(kind=pb.KIND_FACE, claim_slots=map(pb.Slot.ValueType, [1, 0, 4])),
            ["new_me_image.claim_slots[1]", "new_me_image.claim_slots[2]"],
        ),
        (
            pb.NewMeImage(label="x" * 201, tags=[""]),
            ["new_me_image.kind", "new_me_image.label", "new_me_image.tags[0]"],
        ),
    ],
)
def test_every_bad_field_is_named(new: pb.NewMeImage, bad: list[str]) -> None:
    assert bad_fields(new) == bad


def test_every_value_of_the_contract_is_known() -> None:
    assert sorted(KIND_NUMBERS.values()) == sorted(pb.Kind.values())[1:]
    assert set(KIND_NUMBERS) == set(Kind)
    assert sorted(SLOT_NUMBERS.values()) == sorted(pb.Slot.values())[1:]
    assert set(SLOT_NUMBERS) == set(Slot)
    assert sorted(RENDITIONS) == sorted(pb.Rendition.values())
    assert sorted(VIEWS) == sorted(pb.MeImageView.values())
