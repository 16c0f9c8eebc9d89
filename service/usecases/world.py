"""Everything that a use case may need from outside, as one argument."""

from dataclasses import dataclass

from service.ports.outside import Clock, Ids, ObjectStore, Pictures
from service.ports.sealing import Vault
from service.ports.store import Store


@dataclass(frozen=True, slots=True)
class World:
    """The ports, as the composition root built them."""

    clock: Clock
    ids: Ids
    vault: Vault
    store: Store
    objects: ObjectStore
    pictures: Pictures
