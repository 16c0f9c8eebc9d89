"""Time, ids, the bucket, the decoder, the notary and the callers' tokens."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from service.domain.callers import Caller
from service.domain.erasure import ErasureCertificate
from service.domain.model import MediaType, Rendition


class Clock(Protocol):
    """The time of day."""

    def now(self) -> datetime:
        """Return an aware UTC time."""
        ...


class Ids(Protocol):
    """A source of ids that never repeats."""

    def new_id(self) -> UUID:
        """Return a fresh random UUID."""
        ...


class ObjectStore(Protocol):
    """One bucket of sealed objects. Every method raises StorageUnavailable when the store does not answer."""

    async def put(self, key: str, sealed: bytes) -> None:
        """Store an object whole; acknowledged means readable."""
        ...

    async def get(self, key: str) -> bytes:
        """Return an object whole. Raises ObjectMissing where there is none."""
        ...

    async def remove(self, keys: Iterable[str]) -> None:
        """Remove objects; a missing one is no error."""
        ...

    async def keys(self, prefix: str, after: str, limit: int) -> list[str]:
        """Return keys that begin with ``prefix``, in their order, those behind ``after``."""
        ...

    async def ping(self) -> None:
        """Return when the bucket answers."""
        ...


class ObjectMissing(Exception):
    """A row names an object that the bucket does not hold: a fault of ours, never a caller's mistake."""


@dataclass(frozen=True, slots=True)
class RenderedPicture:
    """One rendition: upright, 8-bit sRGB, no metadata. ``width`` and ``height`` in pixels."""

    rendition: Rendition
    content_type: MediaType
    width: int
    height: int
    data: bytes


@dataclass(frozen=True, slots=True)
class RenderedMedia:
    """What the decoder found: the upright size in pixels, and the renditions in the order asked for."""

    width: int
    height: int
    pictures: tuple[RenderedPicture, ...]


class Pictures(Protocol):
    """Decodes photos where they can do no harm."""

    async def render(self, photo: bytes, media_type: MediaType, renditions: Sequence[Rendition]) -> RenderedMedia:
        """Gate the header, decode once, and make the renditions.

        A cancelled call leaves the decoder usable.

        Raises:
            UnsupportedMediaType: an animated WebP or an image sequence; of an animated PNG its still image is taken.
            ImageTooLarge: more than 10 MiB.
            TooManyPixels: more than 40 megapixels, or more than 16,384 pixels on a side; nothing was decoded.
            UndecodableImage: damaged, or it took more time or memory than a photo may.
            Overloaded: every decoder is busy and the queue is full.
        """
        ...


class Chores(Protocol):
    """Work that nobody waits for, one piece at a time; it may be dropped, and then is done when it is needed."""

    def soon(self, work: Callable[[], Awaitable[object]]) -> None:
        """Do it soon, or never."""
        ...


class Notary(Protocol):
    """Signs what was done, so that anybody can tell it from what was not."""

    def certify(self, document: str) -> ErasureCertificate:
        """Return the document with a signature over exactly its bytes."""
        ...

    def is_genuine(self, certificate: ErasureCertificate) -> bool:
        """Whether one of our keys signed exactly this document."""
        ...


class TokenVerifier(Protocol):
    """Knows who calls."""

    def verify(self, token: str) -> Caller:
        """Return the caller that the token proves. Raises Unauthenticated for any other token."""
        ...

    async def learned(self, token: str) -> bool:
        """Look for new keys of the issuer, if the token was refused because its key is not known.

        Returns whether there are some, so that it may be verified now. Takes some seconds at most.
        """
        ...
