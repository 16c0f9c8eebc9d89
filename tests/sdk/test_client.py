"""The Python client: what it refuses by itself, what it makes again, what it proves."""

import asyncio
import io
from collections.abc import AsyncIterator

import grpc
import meimage
import pytest
from meimage.connection import is_loopback
from meimage.errors import decoded
from meimage.sources import MAX_PHOTO_BYTES, read_photo
from meimage.v1 import me_image_service_pb2 as rpc
from meimage.v1.me_image_pb2 import KIND_FACE, RENDITION_WEBP_320, NewMeImage
from meimage.v1.reference_service_pb2 import KindSelection, ReferenceImage, Release, ReleaseReferencesRequest

from tests.conftest import Served
from tests.pictures import jpeg, noise_jpeg
from tests.proxy import wire_to
from tests.sdk.conftest import AT_ONCE, Connect, Somebody
from tests.tokens import Issuer

FACE = NewMeImage(kind=KIND_FACE)


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes on until they end."""
    while data := await reader.read(1 << 16):
        writer.write(data)
    writer.close()


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.8.9.1:1", "[::1]:1", "localhost:1", "LOCALHOST:50051"])
def test_this_machine(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize("address", ["example.com:1", "10.0.0.1:1", "[::2]:1", "localhost.example.com:1", "0.0.0.0:1"])
async def test_plaintext_to_another_machine_is_refused(address: str) -> None:
    with pytest.raises(meimage.PlaintextRefused, match="loopback"):
        meimage.connect(address, "token", tls=None)
    await meimage.connect(address, "token", tls=None, allow_plaintext=True).close()
    await meimage.connect(address, "token").close()


@pytest.mark.parametrize("token", ["", "a b", "secret\n", "sécret"])
async def test_a_token_that_cannot_be_sent_stands_in_no_error(connect: Connect, token: str) -> None:
    with pytest.raises(meimage.InvalidToken) as refused:
        await connect(token).pool.ListMeImages(rpc.ListMeImagesRequest(user_id="somebody"))
    assert "secret" not in repr(refused.value)


async def test_a_token_is_asked_for_before_every_call(connect: Connect, issuer: Issuer, carol: Somebody) -> None:
    asked = []

    async def provide() -> str:
        asked.append(1)
        return issuer.user(carol.user_id)

    client = connect(provide)
    for _ in range(3):
        await client.pool.ListMeImages(rpc.ListMeImagesRequest(user_id=carol.user_id))
    assert len(asked) == 3


async def _pieces(photo: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(photo), 1000):
        yield photo[start : start + 1000]


async def test_every_source_gives_the_same_bytes() -> None:
    photo = jpeg(320, 240)
    reader = asyncio.StreamReader()
    reader.feed_data(photo)
    reader.feed_eof()
    for source in (photo, bytearray(photo), memoryview(photo), io.BytesIO(photo), _pieces(photo), reader, [photo]):
        assert (await read_photo(source)).content == photo


async def test_no_more_is_read_than_a_photo_may_have() -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1_000_000
            yield bytes(1_000_000)

    for source in (endless(), bytes(MAX_PHOTO_BYTES + 1), io.BytesIO(bytes(MAX_PHOTO_BYTES + 1))):
        with pytest.raises(meimage.MeImageError) as refused:
            await read_photo(source)
        assert (refused.value.code, refused.value.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "IMAGE_TOO_LARGE")
    assert read < MAX_PHOTO_BYTES + 1_000_001


async def test_photos_come_back(carol: Somebody) -> None:
    photo, seen = noise_jpeg(1200, 900), list[tuple[int, int]]()
    made = await carol.client.upload(
        photo, user_id=carol.user_id, new_me_image=FACE, progress=lambda *sent: seen.append(sent)
    )
    assert seen[-1] == (len(photo), len(photo))
    assert await carol.client.download(carol.user_id, made.me_image.me_image_id) == photo
    thumbnail = await carol.client.download(carol.user_id, made.me_image.me_image_id, RENDITION_WEBP_320)
    assert thumbnail[8:12] == b"WEBP"


async def test_what_a_progress_callback_raises_arrives(carol: Somebody) -> None:
    def enough(*_: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await carol.client.upload(jpeg(), user_id=carol.user_id, progress=enough)
    page = await carol.client.pool.ListMeImages(rpc.ListMeImagesRequest(user_id=carol.user_id))
    assert not page.me_images


async def test_reads_are_made_again_and_mutations_are_not(served: Served, issuer: Issuer, carol: Somebody) -> None:
    host, port = served.address.split(":")
    async with wire_to((host, int(port))) as wire:
        pauses = list[float]()

        async def pause(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 2:
                await wire.join()
            await asyncio.sleep(0.3)  # the channel's own pause before it connects again

        retries = meimage.Retries(reconnect_seconds=0.0, sleep=pause, chance=lambda: 1.0)
        async with meimage.connect(wire.endpoint, issuer.user(carol.user_id), tls=None, retries=retries) as client:
            await wire.cut()
            with pytest.raises(meimage.MeImageError) as away:
                await client.pool.UpdateAiSettings(
                    rpc.UpdateAiSettingsRequest(user_id=carol.user_id, references_enabled=True)
                )
            assert (away.value.code, away.value.reason, pauses) == (grpc.StatusCode.UNAVAILABLE, "", [])
            await client.pool.ListMeImages(rpc.ListMeImagesRequest(user_id=carol.user_id))
            assert pauses[:2] == [0.2, 0.4]


async def test_a_connection_may_take_its_time(served: Served, issuer: Issuer, carol: Somebody) -> None:
    host, port = served.address.split(":")
    slow = asyncio.Event()

    async def later(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1.0)  # a far or busy server
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        slow.set()
        await asyncio.gather(pipe(reader, far_writer), pipe(far_reader, writer))

    async with await asyncio.start_server(later, "127.0.0.1", 0) as listening:
        address = f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        async with meimage.connect(address, issuer.user(carol.user_id), tls=None) as client:
            await client.pool.UpdateAiSettings(
                rpc.UpdateAiSettingsRequest(user_id=carol.user_id, references_enabled=True)
            )
    assert slow.is_set()


async def test_pauses_double_up_to_the_longest() -> None:
    pauses = list[float]()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    retries = meimage.Retries(sleep=pause, chance=lambda: 1.0)
    for failures in (1, 2, 3, 6, 7, 5000):
        await retries.pause(failures)
    assert pauses == [0.2, 0.4, 0.8, 5.0, 5.0, 5.0]


async def test_a_release_whole_and_as_a_stream(carol: Somebody, generator: meimage.Client) -> None:
    made = await carol.client.upload(jpeg(320, 240), user_id=carol.user_id, new_me_image=FACE)
    request = ReleaseReferencesRequest(
        user_id=carol.user_id, by_kind=KindSelection(), generator="openai/gpt-image-2", purpose="a portrait"
    )
    with pytest.raises(meimage.MeImageError) as refused:
        await generator.release(request)
    assert refused.value.reason == "CONSENT_NOT_GIVEN"
    await carol.client.pool.SetAiReferenceEnabled(
        rpc.SetAiReferenceEnabledRequest(user_id=carol.user_id, me_image_id=made.me_image.me_image_id, enabled=True)
    )
    assert list((await generator.validate_release(request)).me_image_ids) == [made.me_image.me_image_id]
    whole = await generator.release(request)
    parts = [part async for part in generator.release_stream(request)]
    assert isinstance(parts[0], Release)
    assert isinstance(parts[1], ReferenceImage)
    assert b"".join(part for part in parts[2:] if isinstance(part, bytes)) == whole.images[0].content
    assert (await carol.client.verify_ledger(carol.user_id)).entries == 3


async def test_watching_ends_when_the_caller_has_seen_enough(carol: Somebody) -> None:
    token = (
        await carol.client.pool.ListMeImageEvents(rpc.ListMeImageEventsRequest(user_id=carol.user_id))
    ).resume_token
    made = await carol.client.upload(jpeg(), user_id=carol.user_id, new_me_image=FACE)
    async for event, _ in carol.client.watch(carol.user_id, token):
        assert event.me_image_id == made.me_image.me_image_id
        break


async def test_a_watch_goes_on_where_it_was_cut(served: Served, issuer: Issuer, carol: Somebody) -> None:
    async def switch(*states: bool) -> None:
        for state in states:
            await carol.client.pool.UpdateAiSettings(
                rpc.UpdateAiSettingsRequest(user_id=carol.user_id, references_enabled=state)
            )

    page = await carol.client.pool.ListMeImageEvents(rpc.ListMeImageEventsRequest(user_id=carol.user_id))
    host, port = served.address.split(":")
    seen = []
    async with wire_to((host, int(port))) as wire:
        client = meimage.connect(wire.endpoint, issuer.user(carol.user_id), tls=None)
        async with client, asyncio.timeout(30):
            await switch(False, True, False)
            async for event, _ in client.watch(carol.user_id, page.resume_token):
                seen.append(event.ai_settings_changed.references_enabled)
                if len(seen) == 2:
                    await wire.cut()
                    await switch(True, False)
                    await wire.join()
                if len(seen) == 5:
                    break
    assert seen == [False, True, False, True, False]


def test_details_that_are_not_ours_are_passed_over() -> None:
    trailers = grpc.aio.Metadata(("grpc-status-details-bin", b"\xff\xff no message"))
    error = decoded(grpc.StatusCode.INTERNAL, "broken", trailers)
    assert (error.code, error.reason, error.message) == (grpc.StatusCode.INTERNAL, "", "broken")
    assert AT_ONCE.attempts == 4
