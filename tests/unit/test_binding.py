"""Which certificate a caller must show."""

import pytest

from service.domain.callers import Caller, CallerKind, Scope
from service.domain.certificates import Certificate, require_binding
from service.domain.errors import Unauthenticated

NOW = 1_000.0
SHOWN = Certificate("its-thumbprint", frozenset({"wardrobe", "spiffe://ours/wardrobe"}), NOW + 1)
ENDED = Certificate(SHOWN.thumbprint, SHOWN.names, NOW)


def service(name: str = "wardrobe", bound_to: str | None = None) -> Caller:
    return Caller(CallerKind.SERVICE, name, frozenset({Scope.RELEASE}), bound_to=bound_to)


def user(bound_to: str | None = None) -> Caller:
    return Caller(CallerKind.USER, "wardrobe", frozenset({Scope.READ}), bound_to=bound_to)


BOUND = service(bound_to=SHOWN.thumbprint)


@pytest.mark.parametrize(
    ("caller", "certificate", "needed"),
    [
        (service(), None, False),
        (service("other"), SHOWN, False),
        (user(), ENDED, False),
        (service(), SHOWN, True),
        (service("spiffe://ours/wardrobe"), SHOWN, True),
        (BOUND, SHOWN, False),
        (BOUND, SHOWN, True),
        (service("other", SHOWN.thumbprint), SHOWN, True),
        (user(SHOWN.thumbprint), SHOWN, False),
    ],
)
def test_it_is_enough(caller: Caller, certificate: Certificate | None, needed: bool) -> None:
    require_binding(caller, certificate, needed=needed, now=NOW)


@pytest.mark.parametrize(
    ("caller", "certificate", "needed"),
    [
        (service(), None, True),
        (service(), ENDED, True),
        (service("other"), SHOWN, True),
        (service(""), SHOWN, True),
        (user(), SHOWN, True),
        (BOUND, None, False),
        (BOUND, None, True),
        (BOUND, ENDED, False),
        (service(bound_to="another"), SHOWN, False),
        (service(bound_to=""), SHOWN, False),
        (user("another"), SHOWN, False),
    ],
)
def test_it_is_not_enough(caller: Caller, certificate: Certificate | None, needed: bool) -> None:
    with pytest.raises(Unauthenticated):
        require_binding(caller, certificate, needed=needed, now=NOW)
