"""What a verified token lets its bearer do, and how long it is remembered."""

from datetime import timedelta
from pathlib import Path

import jwt
import pytest

from service.adapters import tokens
from service.adapters.jwks import read_jwks
from service.adapters.tokens import CACHED_TOKENS, CLOCK_SKEW_SECONDS, JwtVerifier, Trust
from service.domain.callers import USER_SCOPES, Caller, CallerKind, Scope
from service.domain.errors import Unauthenticated
from tests.clocks import SetClock
from tests.tokens import AUDIENCE, ISSUER, Issuer


@pytest.fixture
def clock() -> SetClock:
    return SetClock.ahead()


@pytest.fixture
def verifier(issuer: Issuer, clock: SetClock, tmp_path: Path) -> JwtVerifier:
    return JwtVerifier(Trust(ISSUER, AUDIENCE, read_jwks(issuer.write_jwks(tmp_path / "jwks.json"))), clock)


@pytest.mark.parametrize(
    ("claims", "kind", "scopes"),
    [
        ({"sub": "ada"}, CallerKind.USER, USER_SCOPES),
        ({"sub": "ada", "client_id": "web-app"}, CallerKind.USER, USER_SCOPES),
        ({"sub": "ada", "scope": "me_images.read"}, CallerKind.USER, {Scope.READ}),
        ({"sub": "ada", "scope": ""}, CallerKind.USER, set()),
        ({"sub": "ada", "scope": "me_images.on_behalf me_images.write"}, CallerKind.USER, {Scope.WRITE}),
        ({"sub": "ada", "scope": ["me_images.read"]}, CallerKind.USER, set()),
        ({"sub": "cam", "client_id": "cam"}, CallerKind.SERVICE, set()),
        ({"sub": "cam", "client_id": "cam", "scope": "me_images.read"}, CallerKind.SERVICE, {Scope.READ}),
        ({"sub": "cam", "client_id": "cam", "scope": " ".join(Scope)}, CallerKind.SERVICE, set(Scope)),
        ({"sub": "cam", "client_id": "cam", "scope": "me_images me_images.readX"}, CallerKind.SERVICE, set()),
    ],
)
def test_scopes(
    verifier: JwtVerifier, issuer: Issuer, claims: dict[str, object], kind: CallerKind, scopes: set[Scope]
) -> None:
    caller = verifier.verify(issuer.sign(claims))
    assert caller == Caller(kind, str(claims["sub"]), frozenset(scopes))


def test_a_remembered_token_ends_with_its_expiry(verifier: JwtVerifier, issuer: Issuer, clock: SetClock) -> None:
    token = issuer.user("ada")
    expiry = timedelta(seconds=600 + CLOCK_SKEW_SECONDS)
    verifier.verify(token)
    clock.move(expiry - timedelta(seconds=5))
    assert verifier.verify(token).subject == "ada"
    clock.move(timedelta(seconds=6))
    with pytest.raises(Unauthenticated):
        verifier.verify(token)


def test_a_known_token_is_not_verified_again(
    verifier: JwtVerifier, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = issuer.user("ada")
    caller = verifier.verify(token)
    monkeypatch.setattr(jwt, "decode", _must_not_run)
    assert verifier.verify(token) == caller


def test_a_refused_token_is_not_remembered(verifier: JwtVerifier, issuer: Issuer) -> None:
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            verifier.verify(issuer.user("ada", aud="another-service"))
    assert not verifier._cache


def test_so_many_tokens_are_remembered_and_no_more(
    verifier: JwtVerifier, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "CACHED_TOKENS", 8)
    for number in range(20):
        assert verifier.verify(issuer.user(f"user-{number}")).subject == f"user-{number}"
    assert len(verifier._cache) == 8
    assert CACHED_TOKENS <= 10_000
    assert {known.caller.subject for known in verifier._cache.values()} == {f"user-{n}" for n in range(12, 20)}


def test_no_token_is_kept_as_such(verifier: JwtVerifier, issuer: Issuer) -> None:
    token = issuer.user("ada")
    verifier.verify(token)
    assert token not in repr(verifier._cache)
    assert all(len(key) == 32 for key in verifier._cache)


def _must_not_run(*_: object, **__: object) -> None:
    raise AssertionError("the token was verified again")
