"""Whose references the bench of releases asks for: people with four each, opted in and rendered."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg
import grpc
from meimage.v1 import reference_service_pb2 as pb
from meimage.v1.reference_service_pb2_grpc import ReferenceServiceStub

from tests.bench.load import WrongAnswersError
from tests.bench.photos import varied
from tests.bench.stage import Stage
from tests.people import new_user_id, person
from tests.releases import GENERATOR, Studio, opted_in, whole
from tests.waiting import until

REFERENCES = 4
MAKING_SECONDS = 120.0
_Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_READY = """
    SELECT u.wrapped_key, i.me_image_id, r.media_id, r.variant, r.size_bytes
    FROM users u JOIN me_images i USING (user_id) JOIN renditions r USING (user_id, media_id)
    WHERE u.user_id = $1 AND r.rendition = 'png-1024' AND r.state = 'ready' ORDER BY i.me_image_id
"""
_UNMAKE = "DELETE FROM renditions WHERE user_id = $1 AND rendition = 'png-1024'"
_ENTRIES = "SELECT count(*) FROM ledger WHERE user_id = ANY ($1) AND kind = 'REFERENCES_RELEASED'"


@dataclass(frozen=True)
class Order:
    """References of one person: who asks for them, and the sealed objects that they lie in; ``size`` in bytes."""

    user_id: str
    wrapped_key: bytes
    me_image_ids: tuple[str, ...]
    objects: tuple[tuple[str, str], ...]
    size: int

    def request(self) -> pb.ReleaseReferencesRequest:
        """Return what a generator's backend sends."""
        return pb.ReleaseReferencesRequest(
            user_id=self.user_id, me_image_ids=self.me_image_ids, generator=GENERATOR, purpose="bench"
        )


class Subjects:
    """Makes people and looks after their references; ``checks`` counts the releases made to compare bytes."""

    def __init__(self, database: _Connection, channel: grpc.aio.Channel, token: str) -> None:
        self._database = database
        self._channel = channel
        self._token = token
        self.checks = 0
        self._studio = Studio(token, ReferenceServiceStub(channel))

    async def with_references(self, photo: bytes, count: int) -> tuple[Order, ...]:
        """Upload photos of somebody new, wait until all are rendered, and return an order of each."""
        someone = person(self._channel, self._token, new_user_id())
        for _ in range(count):
            await someone.upload(varied(photo), opted_in())

        async def all_made() -> bool:
            return len(await self._ready(someone.user_id)) == count

        await until(all_made, MAKING_SECONDS)
        return await self._ready(someone.user_id)

    async def check(self, orders: Sequence[Order]) -> None:
        """Have each released once, whole and with the digests that were announced."""
        for order in orders:
            released = await whole(self._studio.messages(order.request()))
            if sum(len(image) for image in released.images) != order.size:
                raise WrongAnswersError("a release is not what lies in the bucket")
            self.checks += 1

    async def unmake(self, order: Order) -> None:
        """Forget that references were rendered: the next release is a first one."""
        await self._database.execute(_UNMAKE, order.user_id)

    async def entries(self, orders: Sequence[Order]) -> int:
        """Return how many releases the ledgers of these people tell of."""
        count: int = await self._database.fetchval(_ENTRIES, [order.user_id for order in orders])
        return count

    async def _ready(self, user_id: str) -> tuple[Order, ...]:
        rows = await self._database.fetch(_READY, user_id)
        return tuple(
            Order(
                user_id,
                row["wrapped_key"],
                (str(row["me_image_id"]),),
                ((str(row["media_id"]), row["variant"]),),
                row["size_bytes"],
            )
            for row in rows
        )


def together(orders: Sequence[Order]) -> Order:
    """Return one order of all that these orders of one person ask for."""
    first = orders[0]
    return Order(
        first.user_id,
        first.wrapped_key,
        tuple(me_image_id for order in orders for me_image_id in order.me_image_ids),
        tuple(place for order in orders for place in order.objects),
        sum(order.size for order in orders),
    )


@asynccontextmanager
async def subjects(stage: Stage, address: str) -> AsyncIterator[Subjects]:
    """Connect to the server and to its database while the context is open."""
    database: _Connection = await asyncpg.connect(stage.stores.database_url)
    try:
        async with grpc.aio.insecure_channel(address) as channel:
            yield Subjects(database, channel, stage.backend())
    finally:
        await database.close()
