"""The words between the pool and a worker: length-prefixed frames, and the distrust with which answers are read.

A frame is ``header length, body length`` (32 bits each, big-endian), a JSON header, then raw bytes. Never pickle:
``multiprocessing`` and the process pools built on it unpickle results in the parent, so a decoder taken over by a
photo could run code where the keys are.

Task:   ``{"task": 7, "media_type": "image/jpeg", "renditions": ["webp-320"]}`` + the photo.
Answer: ``{"task": 7, "width": 3, "height": 4, "pictures": [{"width", "height", "size"}]}`` + the pictures in a row,
or ``{"task": 7, "refused": "TOO_MANY_PIXELS"}``. First of all a worker says ``{"hello": 1, "sandbox": ["rlimits"]}``.
"""

import json
import struct
from collections.abc import Mapping, Sequence

from service.adapters.pictures_specs import SPECS, within_gate
from service.domain.errors import MeImageError, TooManyPixels, UndecodableImage, UnsupportedMediaType
from service.domain.limits import MAX_PHOTO_BYTES
from service.domain.media_types import SNIFF_BYTES, media_type_of
from service.domain.model import Rendition
from service.ports.outside import RenderedMedia, RenderedPicture

PREFIX = struct.Struct(">II")
MAX_HEADER = 1024
HELLO = 1
"""The version of this protocol."""

REFUSALS: Mapping[str, type[MeImageError]] = {
    refusal.reason: refusal for refusal in (UnsupportedMediaType, TooManyPixels, UndecodableImage)
}
"""All that a worker may refuse, by reason."""


class BadFrame(Exception):
    """The other side does not keep to the protocol."""


def frame(header: Mapping[str, object], body_size: int = 0, max_body: int = MAX_PHOTO_BYTES) -> bytes:
    """Return the start of a frame, which ``body_size`` raw bytes must follow. Raises BadFrame when it is too large."""
    text = json.dumps(header, separators=(",", ":")).encode()
    if len(text) > MAX_HEADER or body_size > max_body:
        raise BadFrame
    return PREFIX.pack(len(text), body_size) + text


def sizes(prefix: bytes, max_body: int) -> tuple[int, int]:
    """Return the sizes of header and body in bytes. Raises BadFrame when either is out of bounds."""
    header_size, body_size = PREFIX.unpack(prefix)
    if header_size > MAX_HEADER or body_size > max_body:
        raise BadFrame
    return header_size, body_size


def header_of(text: bytes) -> Mapping[str, object]:
    """Return a JSON header. Raises BadFrame when it is none."""
    try:
        header: object = json.loads(text)
    except (ValueError, RecursionError):
        raise BadFrame from None
    if not isinstance(header, dict):
        raise BadFrame
    return header


def max_answer(renditions: Sequence[Rendition]) -> int:
    """Return the most bytes that the pictures of an answer may have together."""
    return sum(SPECS[rendition].max_bytes for rendition in renditions)


def sandbox_of(hello: Mapping[str, object], known: frozenset[str]) -> tuple[str, ...]:
    """Return the fences that a worker says hold, in its order. Raises BadFrame for another protocol or other names."""
    names = hello.get("sandbox")
    if hello.get("hello") != HELLO or not isinstance(names, list):
        raise BadFrame
    if not all(isinstance(name, str) and name in known for name in names):
        raise BadFrame
    return tuple(names)


def rendered_of(header: Mapping[str, object], body: bytes, task: int, renditions: Sequence[Rendition]) -> RenderedMedia:
    """Return the answer to a task, of which everything was checked but that the pixels are those of the photo.

    Raises:
        BadFrame: not an answer to this task, or one that no honest worker gives.
        UnsupportedMediaType, TooManyPixels, UndecodableImage: the worker refused the photo.
    """
    if _integer(header, "task") != task:
        raise BadFrame
    reason = header.get("refused")
    if isinstance(reason, str) and reason in REFUSALS and not body:
        raise REFUSALS[reason]
    width, height, listed = _integer(header, "width"), _integer(header, "height"), header.get("pictures")
    if not within_gate(width, height) or not isinstance(listed, list) or len(listed) != len(renditions):
        raise BadFrame
    pictures: list[RenderedPicture] = []
    at = 0
    for rendition, entry in zip(renditions, listed, strict=True):
        picture = _picture(entry, body[at:], rendition, (width, height))
        pictures.append(picture)
        at += len(picture.data)
    if at != len(body):
        raise BadFrame
    return RenderedMedia(width, height, tuple(pictures))


def refused(task: int, reason: str) -> bytes:
    """Return the frame that refuses a task for one of REFUSALS."""
    return frame({"task": task, "refused": reason})


def rendered(task: int, media: RenderedMedia) -> bytes:
    """Return the frame that answers a task."""
    pictures = [
        {"width": picture.width, "height": picture.height, "size": len(picture.data)} for picture in media.pictures
    ]
    body = b"".join(picture.data for picture in media.pictures)
    header = {"task": task, "width": media.width, "height": media.height, "pictures": pictures}
    return frame(header, len(body), max_answer([picture.rendition for picture in media.pictures])) + body


def _picture(entry: object, rest: bytes, rendition: Rendition, upright: tuple[int, int]) -> RenderedPicture:
    """The type is the one that was asked for: what a worker would call it plays no part."""
    if not isinstance(entry, dict):
        raise BadFrame
    spec, size = SPECS[rendition], _integer(entry, "size")
    width, height = _integer(entry, "width"), _integer(entry, "height")
    data = rest[:size]
    if not 0 < size <= spec.max_bytes or len(data) != size or (width, height) != spec.size(*upright):
        raise BadFrame
    try:
        shown = media_type_of(data[:SNIFF_BYTES])
    except UnsupportedMediaType:
        raise BadFrame from None
    if shown is not spec.media_type:
        raise BadFrame
    return RenderedPicture(rendition, spec.media_type, width, height, data)


def _integer(header: Mapping[str, object], name: str) -> int:
    value = header.get(name)
    if type(value) is not int:  # a bool is an int to isinstance
        raise BadFrame
    return value
