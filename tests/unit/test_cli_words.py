"""The command line has a word for everything that the contract can tell."""

import pytest
from meimage.cli.consent import KIND_WORDS
from meimage.cli.watches import what_happened
from meimage.v1.event_pb2 import MeImageEvent
from meimage.v1.ledger_pb2 import LedgerKind

FACTS = [field.name for field in MeImageEvent.DESCRIPTOR.oneofs_by_name["fact"].fields]


@pytest.mark.parametrize("fact", FACTS)
def test_every_event_has_its_words(fact: str) -> None:
    event = MeImageEvent()
    getattr(event, fact).SetInParent()
    assert event.WhichOneof("fact") == fact
    assert what_happened(event) != what_happened(MeImageEvent())


def test_no_two_events_have_the_same_words() -> None:
    said = set()
    for fact in FACTS:
        event = MeImageEvent()
        getattr(event, fact).SetInParent()
        said.add(what_happened(event))
    assert len(said) == len(FACTS)


def test_every_entry_of_the_ledger_has_its_words() -> None:
    assert set(KIND_WORDS) == set(LedgerKind.values()) - {LedgerKind.LEDGER_KIND_UNSPECIFIED}
