"""Metrics: a real server is read after known calls. They count exactly these, and tell nothing of anybody."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeAlias

import asyncpg
import grpc
import psutil
import pytest
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import me_image_service_pb2 as rpc
from meimage.v1 import reference_service_pb2 as releases

from service.adapters import metrics_standing
from tests import pictures
from tests.conftest import Serve, Served
from tests.people import Person, face, new_user_id, person, refused
from tests.releases import opted_in, studio
from tests.rpc.calls import Nobody
from tests.scraping import ask, scrape
from tests.serve_process import free_port
from tests.stored import Stored
from tests.tokens import Issuer
from tests.waiting import until
from tests.watching import watching

CANARY = "canary-4711"
ME_IMAGES, REFERENCES = "meimage.v1.MeImageService", "meimage.v1.ReferenceService"
RawCall: TypeAlias = "grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]"


@dataclass(frozen=True)
class Counted:
    """A server that tells metrics, and somebody who calls it."""

    served: Served
    address: str
    caller: Person

    async def calls(self) -> dict[tuple[str, str], float]:
        """Return how many calls there were by method and code."""
        samples = (await scrape(self.address)).samples
        counted = (
            (dict(labels), value) for (name, labels), value in samples.items() if name == "me_images_calls_total"
        )
        return {(labels["method"].removeprefix(f"{ME_IMAGES}/"), labels["code"]): value for labels, value in counted}


@pytest.fixture
async def counted(serve: Serve, issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Counted]:
    monkeypatch.setattr(metrics_standing, "KEEP_SECONDS", 0.0)
    address, user_id = f"127.0.0.1:{free_port()}", new_user_id()
    async with serve(metrics_address=address, decoders=1) as served:
        yield Counted(served, address, person(served.channel, issuer.user(user_id), user_id))


async def test_known_calls_are_counted_exactly(counted: Counted, issuer: Issuer) -> None:
    caller, backend = counted.caller, studio(counted.served, issuer)
    photo = pictures.jpeg()
    made = (await caller.upload(photo, opted_in())).me_image
    closed = (await caller.upload(pictures.png(), face())).me_image
    for _ in range(3):
        await caller.get(made.me_image_id)
    await caller.download(made.me_image_id)
    released = await backend.release(caller, made.me_image_id)
    await refused(backend.messages(_only(caller, closed.me_image_id)))
    await refused(caller.get("no id"))
    await refused(Nobody(caller.user_id, "", caller.stub).get(made.me_image_id))
    await _call_what_is_not_there(counted)
    expected = {
        ("UploadMeImage", "OK"): 2,
        ("GetMeImage", "OK"): 3,
        ("DownloadMeImage", "OK"): 1,
        (f"{REFERENCES}/ReleaseReferences", "OK"): 1,
        (f"{REFERENCES}/ReleaseReferences", "FAILED_PRECONDITION"): 1,
        ("GetMeImage", "INVALID_ARGUMENT"): 1,
        ("GetMeImage", "UNAUTHENTICATED"): 1,
        ("unknown", "UNIMPLEMENTED"): 2,
    }

    async def all_have_ended() -> bool:
        return sum((await counted.calls()).values()) == sum(expected.values())

    await until(all_have_ended)  # a refusal reaches its caller a little before its call ends
    assert await counted.calls() == expected
    page = await scrape(counted.address)
    assert page.by("reason", "me_images_refusals_total") == {
        "CONSENT_NOT_GIVEN": 1,
        "INVALID_FIELDS": 1,
        "UNAUTHENTICATED": 1,
        "UNKNOWN_METHOD": 2,
    }
    assert page.by("method", "me_images_photo_bytes_total") == {
        f"{ME_IMAGES}/UploadMeImage": len(photo) + len(pictures.png()),
        f"{ME_IMAGES}/DownloadMeImage": len(photo),
        f"{REFERENCES}/ReleaseReferences": len(released.images[0]),
    }
    assert page.by("method", "me_images_call_duration_seconds_count")[f"{ME_IMAGES}/GetMeImage"] == 5
    assert 0 < page.by("method", "me_images_call_duration_seconds_sum")[f"{ME_IMAGES}/GetMeImage"] < 60
    assert set(page.by("method", "me_images_streams_in_flight").values()) == {0}


async def test_nothing_of_a_person_is_told(counted: Counted) -> None:
    caller = counted.caller
    labelled = face(f"label {CANARY}", f"tag {CANARY}")
    made = (await caller.upload(pictures.png(), labelled, filename=f"{CANARY}.png")).me_image
    await caller.page(rpc.ListMeImagesRequest(view=pb.ME_IMAGE_VIEW_FULL))
    await refused(caller.get(CANARY))
    await refused(caller.upload(CANARY.encode(), labelled, filename=CANARY))
    await _call_what_is_not_there(counted)
    async with watching(caller):
        text = (await scrape(counted.address)).text
    for secret in (CANARY, caller.user_id, caller.token, made.me_image_id, made.media.media_id, made.media.sha256):
        assert secret not in text


async def test_names_have_the_prefix_and_labels_are_few(counted: Counted) -> None:
    await counted.caller.page()
    page = await scrape(counted.address)
    assert all(name.startswith("me_images_") for name in page.names)
    labels = {label for _, pairs in page.samples for label, _ in pairs}
    assert labels <= {"method", "code", "reason", "le", "why", "state", "table", "epoch", "what", "outcome", "source"}


async def test_a_watch_is_a_watcher_and_a_stream(counted: Counted) -> None:
    method = f"{ME_IMAGES}/WatchMeImages"

    async def are(count: int) -> bool:
        page = await scrape(counted.address)
        return (page.value("me_images_watchers"), page.value("me_images_streams_in_flight", method=method)) == (
            count,
            count,
        )

    async with watching(counted.caller), watching(counted.caller):
        assert await are(2)
    await until(lambda: are(0))


async def test_a_decoder_that_was_killed_is_counted(counted: Counted) -> None:
    page = await scrape(counted.address)
    assert page.by("why", "me_images_decoders_replaced_total") == {"worn": 0, "lost": 0}
    for pid in counted.served.built.parts.pictures.pids:
        psutil.Process(pid).kill()
    await counted.caller.upload(pictures.jpeg(), face())
    page = await scrape(counted.address)
    assert page.by("why", "me_images_decoders_replaced_total") == {"worn": 0, "lost": 1}
    assert page.value("me_images_decoders") == 1
    assert page.value("me_images_decoders_busy") == page.value("me_images_decoder_queue_photos") == 0


async def test_who_waits_for_a_connection_is_counted(counted: Counted) -> None:
    database = counted.served.built.parts.database
    most = counted.served.settings.database_connections
    free = asyncio.Event()

    async def hold() -> None:
        async with database.connection():
            await free.wait()

    holding = [asyncio.create_task(hold()) for _ in range(most + 3)]

    async def are_held() -> bool:
        page = await scrape(counted.address)
        return page.by("state", "me_images_database_connections") == {"in_use": most, "free": 0}

    await until(are_held)
    page = await scrape(counted.address)
    assert page.value("me_images_database_waiting") >= 3
    assert page.value("me_images_standing_known", what="outbox") == 0
    free.set()
    await asyncio.gather(*holding)
    assert (await scrape(counted.address)).value("me_images_database_wait_seconds_total") > 0


async def test_the_outbox_lags_behind_a_change_that_does_not_end(
    counted: Counted, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async with database.transaction():
        await database.execute("SELECT pg_current_xact_id()")
        await counted.caller.upload(pictures.jpeg(), face())
        assert (await scrape(counted.address)).value("me_images_outbox_lag_seconds") > 0

    async def has_caught_up() -> bool:
        return (await scrape(counted.address)).value("me_images_outbox_lag_seconds") == 0

    await until(has_caught_up)


async def test_what_upkeep_would_remove_is_its_backlog(counted: Counted, stored: Stored) -> None:
    before = (await scrape(counted.address)).by("table", "me_images_upkeep_backlog_rows")
    assert set(before) == {"me_images", "media", "renditions", "requests", "events"}
    media = (await counted.caller.upload(pictures.jpeg())).media
    await stored.age_media(media.media_id, "25 hours")
    after = (await scrape(counted.address)).by("table", "me_images_upkeep_backlog_rows")
    assert after == before | {"media": before["media"] + 1}


async def test_epochs_in_use_are_told(counted: Counted) -> None:
    await counted.caller.upload(pictures.jpeg(), face())
    assert (await scrape(counted.address)).by("epoch", "me_images_key_epoch_in_use") == {"1": 1}


async def test_there_is_one_page(counted: Counted) -> None:
    assert await ask(counted.address, "/") == (HTTPStatus.NOT_FOUND, "")
    assert await ask(counted.address, "/metrics", "POST") == (HTTPStatus.METHOD_NOT_ALLOWED, "")
    assert (await ask(counted.address, "/metrics?x=1"))[0] == HTTPStatus.OK


def _only(who: Person, me_image_id: str) -> releases.ReleaseReferencesRequest:
    return releases.ReleaseReferencesRequest(user_id=who.user_id, me_image_ids=[me_image_id])


async def _call_what_is_not_there(counted: Counted) -> None:
    for method in (CANARY, counted.caller.user_id):
        raw: RawCall = counted.served.channel.unary_unary(f"/{ME_IMAGES}/{method}")
        with pytest.raises(grpc.aio.AioRpcError):
            await raw(CANARY.encode(), metadata=counted.caller.metadata)
