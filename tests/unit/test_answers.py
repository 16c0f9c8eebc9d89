"""Answers kept for retries: given again to the same request, refused to any other, unreadable to everyone else."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.adapters.vault import KeyVault
from service.domain.errors import RequestIdReused
from service.domain.model import (
    Etag,
    Kind,
    Media,
    MediaId,
    MediaType,
    MeImage,
    MeImageId,
    NewMeImage,
    RequestId,
    Slot,
    Usage,
    UserId,
)
from service.ports.sealing import SealBroken
from service.usecases.answers import Retryable
from service.usecases.create import CREATE
from service.usecases.sealed import UserSeals, seals_of
from service.usecases.upload import UPLOAD, Uploaded

VAULT = KeyVault({1: bytes(32)})
AT = datetime(2026, 11, 23, tzinfo=UTC)
REQUEST = RequestId(UUID(int=1))

texts = st.text(max_size=20)
times = st.datetimes(timezones=st.just(UTC))
usages = st.builds(Usage, st.booleans(), st.booleans())
medias = st.builds(
    Media,
    st.uuids().map(MediaId),
    st.sampled_from(MediaType),
    st.integers(1, 10_485_760),
    st.just("ab" * 32),
    st.integers(1, 16_384),
    st.integers(1, 16_384),
    texts,
    times,
)
slots = st.sets(st.sampled_from(Slot)).map(lambda chosen: tuple(slot for slot in Slot if slot in chosen))
me_images = st.builds(
    MeImage,
    texts.map(UserId),
    st.uuids().map(MeImageId),
    st.sampled_from(Kind),
    texts,
    st.lists(texts, max_size=4).map(tuple),
    usages,
    slots,
    medias,
    st.integers(1, 2**62).map(str).map(Etag),
    times,
    times,
)


def seals(user_id: str = "ada") -> UserSeals:
    user = UserId(user_id)
    return seals_of(VAULT, user, VAULT.new_user_key(user))


SEALS = seals()


@given(me_image=me_images)
def test_a_creation_is_answered_again_exactly(me_image: MeImage) -> None:
    kept = CREATE.keep(SEALS, REQUEST, b"digest", me_image, AT)
    assert CREATE.replay(SEALS, kept, b"digest") == me_image


@given(media=medias, me_image=st.none() | me_images)
def test_an_upload_is_answered_again_exactly(media: Media, me_image: MeImage | None) -> None:
    uploaded = Uploaded(media, me_image)
    kept = UPLOAD.keep(SEALS, REQUEST, b"digest", uploaded, AT)
    assert UPLOAD.replay(SEALS, kept, b"digest") == uploaded


@given(me_image=me_images)
def test_a_kept_answer_cannot_be_read(me_image: MeImage) -> None:
    labelled = replace(me_image, label="canary-label", tags=("canary-tag",))
    assert b"canary" not in CREATE.keep(SEALS, REQUEST, b"digest", labelled, AT).sealed_answer


def test_another_request_is_refused_before_anything_is_opened() -> None:
    kept = replace(CREATE.keep(SEALS, REQUEST, b"digest", _ME_IMAGE, AT), sealed_answer=b"nothing")
    with pytest.raises(RequestIdReused):
        CREATE.replay(SEALS, kept, b"another digest")


def test_a_kept_answer_belongs_to_its_request_and_its_user() -> None:
    kept = CREATE.keep(SEALS, REQUEST, b"digest", _ME_IMAGE, AT)
    with pytest.raises(SealBroken):
        CREATE.replay(SEALS, replace(kept, request_id=RequestId(uuid4())), b"digest")
    with pytest.raises(SealBroken):
        CREATE.replay(seals("ben"), kept, b"digest")


@given(one=texts, other=texts)
def test_requests_are_told_apart_by_their_content(one: str, other: str) -> None:
    digests = [CREATE.digest(SEALS, (MediaId(UUID(int=1)), _new(label))) for label in (one, other)]
    assert (digests[0] == digests[1]) == (one == other)


def test_methods_and_users_never_share_a_digest() -> None:
    content = ("file.jpg", "ab" * 32, None)
    digests = {CREATE.digest(SEALS, content), UPLOAD.digest(SEALS, content), UPLOAD.digest(seals("ben"), content)}
    assert len(digests) == 3
    assert UPLOAD.digest(SEALS, content) == Retryable("UploadMeImage", UPLOAD.answer).digest(SEALS, content)


def _new(label: str) -> NewMeImage:
    return NewMeImage(Kind.FACE, label, (), Usage(), ())


_MEDIA = Media(MediaId(UUID(int=2)), MediaType.JPEG, 1, "ab" * 32, 1, 1, "me.jpg", AT)
_ME_IMAGE = MeImage(
    UserId("ada"), MeImageId(UUID(int=3)), Kind.FACE, "label", ("tag",), Usage(), (), _MEDIA, Etag("1"), AT, AT
)
