"""How a command ends: one sentence, and a status that scripts can go by."""

import grpc

from meimage.connection import PlaintextRefused
from meimage.errors import DamagedBytes, MeImageError
from meimage.ledger import LedgerBroken
from meimage.release import BrokenRelease

REFUSED, USAGE, NOT_FOUND, NOT_ALLOWED, NO_CONSENT, AWAY, BROKEN, INTERRUPTED = 1, 2, 3, 4, 5, 6, 7, 130

STATUSES = """
\b
Exit status:
  0    done
  1    refused for another reason than these
  2    the command line, a file or a setting is wrong
  3    no such me-image, or an empty slot
  4    the token is missing, wrong, or not for this
  5    the person has not allowed it: no opt-in, AI use paused, deleted
  6    the server is away or overloaded: try again
  7    bytes or ledger are not what they should be
  130  interrupted with Ctrl-C
"""

_BY_CODE = {
    grpc.StatusCode.NOT_FOUND: NOT_FOUND,
    grpc.StatusCode.UNAUTHENTICATED: NOT_ALLOWED,
    grpc.StatusCode.PERMISSION_DENIED: NOT_ALLOWED,
    grpc.StatusCode.UNAVAILABLE: AWAY,
    grpc.StatusCode.DEADLINE_EXCEEDED: AWAY,
}
_BY_REASON = {
    "CONSENT_NOT_GIVEN": NO_CONSENT,
    "AI_REFERENCES_PAUSED": NO_CONSENT,
    "ME_IMAGE_DELETED": NO_CONSENT,
    "OVERLOADED": AWAY,
    "RATE_LIMITED": AWAY,
}


class Wrong(Exception):
    """Something that the person can put right: a sentence, and status 2 unless told otherwise."""

    def __init__(self, sentence: str, status: int = USAGE) -> None:
        super().__init__(sentence)
        self.status = status


Failure = Wrong | MeImageError | BrokenRelease | LedgerBroken | PlaintextRefused | OSError
FAILURES = (Wrong, MeImageError, BrokenRelease, LedgerBroken, PlaintextRefused, OSError)


def status_of(failure: Failure) -> int:
    """Return the exit status of a failure."""
    if isinstance(failure, Wrong):
        return failure.status
    if isinstance(failure, BrokenRelease | LedgerBroken | DamagedBytes):
        return BROKEN
    if isinstance(failure, MeImageError):
        if failure.busy:
            return AWAY
        return _BY_REASON.get(failure.reason) or _BY_CODE.get(failure.code, REFUSED)
    return USAGE


def sentence_of(failure: Failure) -> str:
    """Return one sentence with the reason."""
    if isinstance(failure, OSError):
        return f"{failure.strerror or 'The file cannot be read'}: {failure.filename}."
    if isinstance(failure, BrokenRelease):
        return f"The release did not arrive whole: {failure}."
    if not isinstance(failure, MeImageError):
        return str(failure)
    if not failure.reason:
        return f"{_OF_NOBODY.get(failure.code, failure.message.rstrip('.'))} ({failure.code.name})."
    said = failure.message.rstrip(".")
    bad = [f"{each.field} {each.description}" for each in failure.field_violations]
    refused = [each for each in failure.refusals if each.subject]
    bad += [each.subject if each.reason == failure.reason else f"{each.subject}: {each.reason}" for each in refused]
    return f"{said}{': ' if bad else ''}{'; '.join(bad)} ({failure.reason})."


_OF_NOBODY = {
    grpc.StatusCode.UNAVAILABLE: "The server cannot be reached",
    grpc.StatusCode.DEADLINE_EXCEEDED: "The server did not answer in time",
}
