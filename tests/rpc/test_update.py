"""UpdateMeImage: what the mask names changes, and nothing else."""

import grpc
import pytest
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import me_image_service_pb2 as rpc

from tests import rules
from tests.people import Person, refused

NEW = rpc.MeImageChanges(
    kind=pb.KIND_HANDS, label="changed", tags=["one", "two", "one"], usage=pb.Usage(show_in_profile=False)
)
PATHS = ("kind", "label", "tags", "usage.show_in_profile")


def changed(before: pb.MeImage, path: str) -> pb.MeImage:
    """Return what a me-image must be after NEW was applied to one path, but for its etag and time."""
    after = pb.MeImage()
    after.CopyFrom(before)
    match path:
        case "kind":
            after.kind = pb.KIND_HANDS
        case "label":
            after.label = "changed"
        case "tags":
            after.tags[:] = ["one", "two"]
        case "usage.show_in_profile":
            after.usage.show_in_profile = False
    return after


def without_version(me_image: pb.MeImage) -> pb.MeImage:
    """Return a me-image without what every change changes."""
    rest = pb.MeImage()
    rest.CopyFrom(me_image)
    rest.ClearField("etag")
    rest.ClearField("update_time")
    return rest


@pytest.mark.parametrize("path", PATHS)
async def test_a_path_changes_its_value_and_no_other(alice: Person, mine: pb.MeImage, path: str) -> None:
    after = await rules.update(alice, mine.me_image_id, NEW, path)
    assert without_version(after) == without_version(changed(mine, path))
    assert after.etag != mine.etag
    assert after.update_time.ToNanoseconds() > mine.update_time.ToNanoseconds()
    assert await alice.get(mine.me_image_id) == after
    assert list((await rules.events(alice))[-1].updated.changed_paths) == [path]


async def test_all_paths_at_once(alice: Person, mine: pb.MeImage) -> None:
    expected = mine
    for path in PATHS:
        expected = changed(expected, path)
    after = await rules.update(alice, mine.me_image_id, NEW, *PATHS)
    assert without_version(after) == without_version(expected)


async def test_a_value_can_be_emptied(alice: Person, mine: pb.MeImage) -> None:
    after = await rules.update(alice, mine.me_image_id, rpc.MeImageChanges(), "label", "tags")
    assert (after.label, list(after.tags)) == ("", [])
    assert await alice.get(mine.me_image_id) == after


async def test_a_change_that_changes_nothing_tells_nothing(alice: Person, mine: pb.MeImage) -> None:
    same = rpc.MeImageChanges(kind=mine.kind, label=mine.label, tags=mine.tags, usage=mine.usage)
    assert await rules.update(alice, mine.me_image_id, same, *PATHS) == mine
    assert rules.facts(await rules.events(alice)) == ["added"]


async def test_only_what_really_changed_is_told(alice: Person, mine: pb.MeImage) -> None:
    half = rpc.MeImageChanges(label=mine.label, tags=["other"])
    await rules.update(alice, mine.me_image_id, half, "label", "tags")
    assert list((await rules.events(alice))[-1].updated.changed_paths) == ["tags"]


@pytest.mark.parametrize("path", ["usage.ai_reference", "usage"])
async def test_consent_is_no_field_of_an_update(alice: Person, mine: pb.MeImage, path: str) -> None:
    wanted = rpc.MeImageChanges(usage=pb.Usage(ai_reference=True, show_in_profile=True))
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await rules.update(alice, mine.me_image_id, wanted, path, "label")
    assert "SetAiReferenceEnabled" in repr(error.value.trailing_metadata())
    assert await alice.get(mine.me_image_id) == mine
    assert await rules.kinds(alice) == []


async def test_an_opt_in_in_the_values_alone_counts_for_nothing(alice: Person, mine: pb.MeImage) -> None:
    sneaky = rpc.MeImageChanges(label="x", usage=pb.Usage(ai_reference=True, show_in_profile=False))
    after = await rules.update(alice, mine.me_image_id, sneaky, "label", "usage.show_in_profile")
    assert not after.usage.ai_reference
    assert await rules.kinds(alice) == []


async def test_an_update_leaves_consent_and_slots_alone(alice: Person, mine: pb.MeImage) -> None:
    await rules.opt(alice, mine.me_image_id, enabled=True)
    await rules.claim(alice, mine.me_image_id, pb.SLOT_BODY_REF)
    after = await rules.update(alice, mine.me_image_id, NEW, *PATHS)
    assert after.usage.ai_reference
    assert list(after.slots) == [pb.SLOT_BODY_REF]
    assert await rules.kinds(alice) == ["CONSENT_GIVEN"]


async def test_a_deleted_me_image_is_not_changed(alice: Person, mine: pb.MeImage) -> None:
    deleted = await rules.delete(alice, mine.me_image_id)
    answer = await refused(rules.relabel(alice, mine.me_image_id, "changed"))
    assert (answer.code, answer.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "ME_IMAGE_DELETED")
    assert await alice.get(mine.me_image_id) == deleted
