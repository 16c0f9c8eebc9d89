"""A person's ledger replayed as a state machine: what AI was allowed to use when."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from meimage.v1 import ledger_pb2 as pb


@dataclass
class Consents:
    """What holds after some entries. A deletion withdraws its me-image's consent, so it needs no state of its own."""

    given: set[str] = field(default_factory=set)
    paused: bool = False

    def enter(self, entry: pb.LedgerEntry) -> None:
        """Apply an entry; fails where it tells what was already so, or a release that nothing allowed."""
        of = entry.me_image_id
        match entry.kind:
            case pb.LEDGER_KIND_CONSENT_GIVEN:
                assert of not in self.given
                self.given.add(of)
            case pb.LEDGER_KIND_CONSENT_WITHDRAWN:
                self.given.remove(of)
            case pb.LEDGER_KIND_REFERENCES_PAUSED | pb.LEDGER_KIND_REFERENCES_RESUMED:
                assert self.paused is (entry.kind == pb.LEDGER_KIND_REFERENCES_RESUMED)
                self.paused = not self.paused
            case pb.LEDGER_KIND_REFERENCES_RELEASED:
                assert not self.paused, f"entry {entry.sequence}: released while paused"
                released = {image.me_image_id for image in entry.release.images}
                assert released, f"entry {entry.sequence}: a release of nothing"
                assert released <= self.given, f"entry {entry.sequence}: released without consent"
            case pb.LEDGER_KIND_EXPORTED:
                pass  # nothing that AI may do depends on it
            case other:
                raise AssertionError(other)


def replayed(entries: Iterable[pb.LedgerEntry]) -> Consents:
    """Replay a ledger, oldest entry first."""
    state = Consents()
    for entry in entries:
        state.enter(entry)
    return state
