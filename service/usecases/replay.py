"""Erasing again whom a restored database has brought back, by the certificates in the bucket."""

from dataclasses import dataclass

from service.domain.callers import UPKEEP
from service.domain.erasure import ERASURES
from service.domain.errors import NoSigningKey
from service.usecases.erase import erase_again, filed_certificate
from service.usecases.world import World

BATCH = 200


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
