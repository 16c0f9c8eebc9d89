"""Whom a restored database has brought back, by the certificates in the bucket: found at start-up, and erased again."""

from dataclasses import dataclass

from service.domain.callers import UPKEEP
from service.domain.erasure import ERASURES, erasure_key
from service.domain.errors import NoSigningKey
from service.usecases.erase import erase_again, filed_certificate
from service.usecases.world import World

BATCH = 200
PAGE = 1000


class ErasuresForgotten(Exception):
    """People are there again who were erased: the database was restored from a backup."""

    def __init__(self, people: int) -> None:
        super().__init__(
            f"The bucket certifies that {people:,} people were erased whom this database does not know as erased: it"
            " was restored from a backup. Run `python -m service replay-erasures` before it is served."
        )


async def require_erasures(world: World) -> None:
    """Raise ErasuresForgotten where somebody is there again. Certificates that are not ours count for nothing.

    Where there is no notary none can be told from a forgery, and all count.
    """
    certified, after = set[str](), ""
    while keys := await world.objects.keys(ERASURES, after, PAGE):
        certified.update(keys)
        after = keys[-1]
    # A tombstone is committed before its certificate is put, so rows that are read now know of all of them.
    forgotten = certified - {erasure_key(user_id) for user_id in await world.store.erased_users()}
    if world.notary is not None:
        forgotten = {key for key in forgotten if await filed_certificate(world, key) is not None}
    if forgotten:
        raise ErasuresForgotten(len(forgotten))


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """Certificates that were read, users who were erased again, and the keys of certificates that are not ours."""

    certificates: int
    erased: int
    foreign: tuple[str, ...]


async def replay_erasures(world: World) -> ReplayReport:
    """Erase every user of whom there is a certificate. Raises NoSigningKey: without it no certificate is trusted."""
    if world.notary is None:
        raise NoSigningKey
    read, erased, foreign = 0, 0, list[str]()
    after = ""
    while keys := await world.objects.keys(ERASURES, after, BATCH):
        for key in keys:
            certificate = await filed_certificate(world, key)
            read += 1
            if certificate is None:
                foreign.append(key)
            else:
                erased += await erase_again(world, UPKEEP, certificate)
        after = keys[-1]
    return ReplayReport(read, erased, tuple(foreign))
