"""A release is whole or it is not there: order, sizes and digests of what `ReleaseReferences` streams."""

import hashlib
import random

import pytest
from meimage.release import BrokenRelease
from meimage.v1 import reference_service_pb2 as pb

from tests.sdk.handmade import collected, header, stream

BYTES = random.Random(4).randbytes(10_000)  # noqa: S311 # bytes to compare, no secret
OTHER = BYTES[:9_000]
FIRST, SECOND = header(BYTES), header(OTHER, "image/jpeg", 50, 60)
Part = pb.ReleaseReferencesResponse
END = Part(end=pb.ReleaseEnd())


def messages() -> list[Part]:
    """Release, image, 3 chunks, image, 3 chunks, end."""
    return stream([(FIRST, BYTES), (SECOND, OTHER)])


async def test_a_whole_release() -> None:
    sent = messages()
    release = await collected(sent)
    assert release.release_id == sent[0].release.release_id
    assert (release.generator, release.ledger_sequence) == ("openai/gpt-image-2", 7)
    assert release.ledger_hash == "ab" * 32
    assert [image.content for image in release.images] == [BYTES, OTHER]
    assert [image.sha256 for image in release.images] == [hashlib.sha256(it).hexdigest() for it in (BYTES, OTHER)]
    last = release.images[1]
    assert (last.me_image_id, last.content_type, last.width, last.height) == (SECOND.me_image_id, "image/jpeg", 50, 60)


async def test_it_shows_no_bytes() -> None:
    assert "content=" not in repr(await collected(messages()))


@pytest.mark.parametrize("kept", range(10))
async def test_a_stream_that_stops_is_no_release(kept: int) -> None:
    sent = messages()
    assert len(sent) == 10
    if kept == 9:
        sent[9] = Part()
        kept = 10
    with pytest.raises(BrokenRelease):
        await collected(sent[:kept])


def changed(at: int, *instead: Part) -> list[Part]:
    return [*messages()[:at], *instead, *messages()[at + 1 :]]


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (messages()[1:], "`image` came before `release`"),
        ([END], "`end` came before `release`"),
        ([*messages()[:1], *messages()], "`release` came after `release`"),
        ([*messages()[:1], *messages()[2:]], "`chunk` came before `image`"),
        ([*messages()[:1], *messages()[5:]], "image 1 is not the one"),
        ([*messages()[:5], END], "1 of the 2 images"),
        ([*messages()[:4], *messages()[5:]], "image 1 has 8192 of its 10000 bytes"),
        ([*messages()[:5], Part(chunk=b"x"), *messages()[5:]], "image 1 has more than its 10000 bytes"),
        (changed(3, Part(chunk=bytes(4096))), "image 1 has other bytes than the ledger says"),
        ([*messages()[:3], messages()[3], messages()[2], *messages()[4:5]], "image 1 has more than"),
        ([messages()[0], messages()[1], messages()[3], messages()[2], *messages()[4:]], "image 1 has other bytes"),
        ([*messages()[:9], messages()[1], *messages()[9:]], "more than the 2 images"),
        ([*messages(), END], "`end` came after `end`"),
        ([*messages(), Part(chunk=b"x")], "`chunk` came after `end`"),
        (changed(9, Part()), "`None` came after `release`"),
        ([], "the stream was empty"),
        (messages()[:9], "stopped before `end`"),
        ([Part(validation=pb.ReleaseValidation())], "validate_only"),
    ],
)
async def test_what_is_no_whole_release_is_refused(sent: list[Part], said: str) -> None:
    with pytest.raises(BrokenRelease) as broken:
        await collected(sent)
    assert said in str(broken.value)


async def test_the_image_is_the_one_that_was_announced() -> None:
    header_of_another = pb.ReferenceImage()
    header_of_another.CopyFrom(FIRST)
    header_of_another.content_type = "image/webp"
    with pytest.raises(BrokenRelease, match="image 1 is not the one"):
        await collected(changed(1, Part(image=header_of_another)))
