"""Everything that a use case may need from outside, as one argument."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta

from service.domain.generators import Generator
from service.ports.events import Bell
from service.ports.outside import Chores, Clock, Ids, Notary, ObjectStore, Pictures
from service.ports.sealing import Vault
from service.ports.store import Store

Hold = Callable[[int], AbstractAsyncContextManager[None]]
"""Holds so many bytes of memory while its block runs. Raises Overloaded where there is no room for them."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator decides: me-images a person may have, how long deleted ones and events are kept."""

    max_me_images: int = 100
    purge_after: timedelta = timedelta(days=30)
    event_retention: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class World:
    """The ports, as the composition root built them; without a notary nobody is erased."""

    clock: Clock
    ids: Ids
    vault: Vault
    store: Store
    objects: ObjectStore
    pictures: Pictures
    bell: Bell
    chores: Chores
    generators: Mapping[str, Generator]
    notary: Notary | None
    policy: Policy
