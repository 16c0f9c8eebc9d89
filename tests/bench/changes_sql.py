"""The ceiling of changes, one process: the service's own statements, in its order, on asyncpg and nothing else.

As many connections as the service has, its role and so its row-level security. Nothing is sealed or opened, no token,
no answer. A ledger entry takes a ready hash: chaining them is the service's work.
"""

import asyncio
import os
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import asyncpg
import uvloop

from service.adapters.postgres.database import APPLICATION_ROLE, Executor
from service.adapters.postgres.events import _ADD as ADD_EVENTS
from service.adapters.postgres.ledger import _ADD as ADD_ENTRY
from service.adapters.postgres.ledger import _HEAD as LAST_ENTRY
from service.adapters.postgres.me_images import _CHANGE as CHANGE
from service.adapters.postgres.me_images import _LOCK as LOCK_ME_IMAGE
from service.adapters.postgres.slots import _CLAIM as CLAIM
from tests.bench.crowded import Crowded, Work
from tests.bench.echo import CONNECTIONS
from tests.bench.helper import answer, questions

_CALLER = "service:backend"
_HASH = bytes(32)


class _Connection(asyncpg.Connection):
    def get_reset_query(self) -> str:
        return ""


class _Changes:
    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool

    async def set_primary(self, someone: Sequence[str], turn: int) -> bool:
        user_id, holder, former = someone[0], someone[1 + turn % 2], someone[2 - turn % 2]
        async with self._pool.acquire() as db:
            await db.execute(_begin(user_id))
            revision, at = (await _one(db, LOCK_ME_IMAGE, user_id, holder))["user_revision"], datetime.now(UTC)
            await db.fetch(CLAIM, user_id, ["AVATAR"], holder, revision, at)
            fact = f'{{"slot":"AVATAR","previous":"{former}","holder":"{holder}"}}'
            event = ([uuid.uuid4()], [revision], [at], [_CALLER], [holder], ["MeImagePrimaryChanged"], [fact])
            await db.execute(ADD_EVENTS, user_id, [0], *event)
            await db.execute("COMMIT")
        return True

    async def set_ai_reference(self, someone: Sequence[str], turn: int) -> bool:
        (user_id, me_image_id), enabled = someone[:2], turn % 2 == 0
        kind, fact = "CONSENT_GIVEN" if enabled else "CONSENT_WITHDRAWN", f'{{"enabled":{str(enabled).lower()}}}'
        async with self._pool.acquire() as db:
            await db.execute(_begin(user_id))
            row = await _one(db, LOCK_ME_IMAGE, user_id, me_image_id)
            revision, at = row["user_revision"], datetime.now(UTC)
            changed = (row["kind"], enabled, row["show_in_profile"], row["sealed_text"], None, None, revision)
            await db.execute(CHANGE, user_id, me_image_id, *changed, at)
            last = await db.fetchrow(LAST_ENTRY, user_id)
            sequence = last["sequence"] + 1 if last else 1
            entry = (sequence, kind, at, _CALLER, me_image_id, _HASH, _HASH)
            await db.execute(ADD_ENTRY, user_id, *entry, None, None, None)
            toggled = "MeImageAiReferenceToggled"
            event = ([uuid.uuid4()], [revision], [at], [_CALLER], [me_image_id], [toggled], [fact])
            await db.execute(ADD_EVENTS, user_id, [0], *event)
            await db.execute("COMMIT")
        return True


async def _one(db: Executor, statement: str, *values: object) -> asyncpg.Record:
    row = await db.fetchrow(statement, *values)
    if row is None:
        raise LookupError(statement)
    return row


def _begin(user_id: str) -> str:
    """As Database.transaction begins."""
    name = f"convert_from(decode('{user_id.encode().hex()}', 'hex'), 'UTF8')"
    return f"BEGIN; SELECT set_config('app.user_id', {name}, true), pg_advisory_xact_lock(hashtextextended({name}, 0))"


async def main() -> None:
    """Answer questions until standard input ends."""
    pool = await asyncpg.create_pool(
        os.environ["BENCH_DATABASE_URL"],
        min_size=CONNECTIONS,
        max_size=CONNECTIONS,
        connection_class=_Connection,
        server_settings={"role": APPLICATION_ROLE},
    )
    changes, crowded = _Changes(pool), Crowded()
    kinds: Mapping[str, Work] = {
        "SetPrimary": changes.set_primary,
        "SetAiReferenceEnabled": changes.set_ai_reference,
    }
    while question := await asyncio.to_thread(next, questions(), None):
        kind, calls, at_once = question["do"], int(question["calls"]), int(question["at_once"])
        answer(**await crowded.drive(question["people"], kind, calls, at_once, kinds[kind]))
    await pool.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
