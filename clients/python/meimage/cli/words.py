"""The words of the contract as people type and read them: `face`, `face-ref`, `png-1024`."""

from collections.abc import Sequence
from datetime import datetime

import click
from google.protobuf.timestamp_pb2 import Timestamp

from meimage.v1.me_image_pb2 import Kind, Rendition, Slot

KINDS = [name.removeprefix("KIND_").lower() for name in Kind.keys()[1:]]
SLOTS = [name.removeprefix("SLOT_").lower().replace("_", "-") for name in Slot.keys()[1:]]
RENDITIONS = ["original", *(name.removeprefix("RENDITION_").lower().replace("_", "-") for name in Rendition.keys()[1:])]

KIND, SLOT, RENDITION = (click.Choice(words, case_sensitive=False) for words in (KINDS, SLOTS, RENDITIONS))


def kind_of(word: str) -> Kind.ValueType:
    """Return the kind of a word."""
    return Kind.Value(f"KIND_{word.upper()}")


def slot_of(word: str) -> Slot.ValueType:
    """Return the slot of a word."""
    return Slot.Value(f"SLOT_{word.upper().replace('-', '_')}")


def rendition_of(word: str) -> Rendition.ValueType:
    """Return the rendition of a word."""
    return Rendition.ValueType(RENDITIONS.index(word.lower()))


def kind_word(kind: Kind.ValueType) -> str:
    """Return the word of a kind."""
    return Kind.Name(kind).removeprefix("KIND_").lower()


def slot_words(slots: Sequence[Slot.ValueType]) -> str:
    """Return the words of slots."""
    return ", ".join(Slot.Name(slot).removeprefix("SLOT_").lower().replace("_", "-") for slot in slots)


def size_word(size_bytes: int) -> str:
    """Return a size as people read it."""
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 1e6 else f"{max(1, round(size_bytes / 1e3))} kB"


def local_time(time: Timestamp) -> datetime:
    """Return a time where we are."""
    return time.ToDatetime().astimezone()


def time_word(time: Timestamp) -> str:
    """Return a time where we are, to the minute."""
    return f"{local_time(time):%Y-%m-%d %H:%M}"


def printable(text: str) -> str:
    """Return a text without what a terminal would obey: labels and names of files are what somebody wrote."""
    return "".join(each if each.isprintable() or each == "\t" else "\N{REPLACEMENT CHARACTER}" for each in text)


def short_id(me_image_id: str) -> str:
    """Return the beginning of an id, which commands take for the whole."""
    return me_image_id[:8]
