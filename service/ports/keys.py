"""Users' keys beside their epochs, as a rewrapping goes through them."""

from dataclasses import dataclass

from service.domain.model import UserId
from service.ports.sealing import WrappedKey


@dataclass(frozen=True, slots=True)
class KeyPosition:
    """A place among the users' keys, which are in the order of their epochs, then of their users."""

    epoch: int
    user_id: UserId


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A user's key, and the epoch that it is wrapped under."""

    user_id: UserId
    epoch: int
    wrapped: WrappedKey


@dataclass(frozen=True, slots=True)
class KeySwap:
    """The same key of a user, as it is wrapped and as it shall be."""

    user_id: UserId
    old: WrappedKey
    new: WrappedKey
