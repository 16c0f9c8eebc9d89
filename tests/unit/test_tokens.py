"""Whom a token proves, and every token that proves nobody."""

import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given
from hypothesis import strategies as st

from service.adapters.jwks import read_jwks
from service.adapters.system import SystemClock
from service.adapters.tokens import MAX_TOKEN_CHARACTERS, JwtVerifier, Trust
from service.domain.callers import USER_SCOPES, Caller, CallerKind
from service.domain.errors import Unauthenticated
from tests import tokens
from tests.tokens import AUDIENCE, ISSUER, Issuer

NOW = int(time.time())
ALGORITHMS = ("EdDSA", "ES256", "RS256")


@pytest.fixture(scope="module")
def verifier(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> JwtVerifier:
    keys = read_jwks(issuer.write_jwks(tmp_path_factory.mktemp("keys") / "jwks.json"))
    return JwtVerifier(Trust(ISSUER, AUDIENCE, keys), SystemClock())


def is_refused(verifier: JwtVerifier, token: str) -> bool:
    try:
        verifier.verify(token)
    except Unauthenticated:
        return True
    return False


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_users_token_proves_the_user(verifier: JwtVerifier, issuer: Issuer, algorithm: str) -> None:
    caller = verifier.verify(issuer.sign({"sub": "ada"}, algorithm))
    assert caller == Caller(CallerKind.USER, "ada", USER_SCOPES)


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"exp": NOW - 3600}, id="exp an hour ago"),
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": float("inf")},
        {"exp": float("nan")},
        {"exp": 10**400},
        pytest.param({"exp": [NOW + 600]}, id="exp a list"),
        {"aud": "another-service"},
        {"aud": ["another-service"]},
        {"aud": None},
        {"iss": "somebody-else"},
        {"iss": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 129},
        pytest.param({"nbf": NOW + 3600}, id="nbf in an hour"),
    ],
    ids=lambda claims: ", ".join(f"{name} {str(value)[:16]}" for name, value in claims.items()),
)
def test_claims_that_are_wrong_or_missing_are_refused(
    verifier: JwtVerifier, issuer: Issuer, claims: dict[str, object]
) -> None:
    assert is_refused(verifier, issuer.sign({"sub": "ada"} | claims))
    assert not is_refused(verifier, issuer.sign({"sub": "ada"}))


def test_an_audience_among_others_is_enough(verifier: JwtVerifier, issuer: Issuer) -> None:
    assert verifier.verify(issuer.user("ada", aud=["other", AUDIENCE])).subject == "ada"


def test_no_algorithm_means_no_caller(verifier: JwtVerifier) -> None:
    assert is_refused(verifier, tokens.unsigned("ada"))
    for name in ("None", "NONE", "", None):
        assert is_refused(
            verifier, tokens.compact({"alg": name, "kid": "EdDSA"}, tokens.claims_of("ada"), lambda _: b"")
        )


@pytest.mark.parametrize("kid", ALGORITHMS)
def test_an_hmac_over_the_public_key_is_refused(verifier: JwtVerifier, issuer: Issuer, kid: str) -> None:
    for secret in tokens.public_forms(issuer.keys[kid]):
        assert is_refused(verifier, tokens.signed_with_public_key("ada", kid, secret))


def test_a_key_is_found_by_its_kid_alone(verifier: JwtVerifier, issuer: Issuer) -> None:
    for kid in ("unknown", "", "ES256", "RS256"):
        assert is_refused(verifier, issuer.sign({"sub": "ada"}, "EdDSA", kid=kid))
    assert is_refused(verifier, jwt.encode(tokens.claims_of("ada"), issuer.keys["EdDSA"], algorithm="EdDSA"))


def test_a_token_cannot_bring_its_own_key(verifier: JwtVerifier, issuer: Issuer) -> None:
    attacker = ed25519.Ed25519PrivateKey.generate()
    public = tokens.public_jwk(attacker)
    brought = ({"jwk": public}, {"jku": "http://127.0.0.1:1/keys"}, {"x5u": "http://127.0.0.1:1/x"}, {"x5c": ["MIIB"]})
    for header in brought:
        for kid in ({}, {"kid": "EdDSA"}, {"kid": "attacker"}):
            forged = jwt.encode(tokens.claims_of("ada"), attacker, algorithm="EdDSA", headers=header | kid)
            assert is_refused(verifier, forged)
        assert verifier.verify(issuer.sign({"sub": "ada"}, **header)).subject == "ada"


def test_a_critical_header_that_nobody_knows_is_refused(verifier: JwtVerifier, issuer: Issuer) -> None:
    """RFC 7515, section 4.1.11."""
    assert is_refused(verifier, issuer.sign({"sub": "ada"}, crit=["nonce"], nonce="1"))


def test_every_altered_character_is_refused(verifier: JwtVerifier, issuer: Issuer) -> None:
    token = issuer.user("ada")
    for at in range(len(token) - 2):  # the last characters hold bits that base64 does not use
        assert is_refused(verifier, token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :])


@pytest.mark.parametrize("depth", [2000, 6000])
def test_a_deeply_nested_header_is_refused(verifier: JwtVerifier, depth: int) -> None:
    nested = jwt.utils.base64url_encode(b"[" * depth).decode()[: MAX_TOKEN_CHARACTERS - 10]
    assert is_refused(verifier, f"{nested}.e30.AAAA")
    deep_kid = jwt.utils.base64url_encode(b'{"kid":' * (depth // 7)).decode()
    assert is_refused(verifier, f"{deep_kid}.e30.AAAA")


def test_an_oversized_token_is_not_even_read(verifier: JwtVerifier, issuer: Issuer) -> None:
    assert is_refused(verifier, issuer.user("ada", note="x" * MAX_TOKEN_CHARACTERS))
    assert not is_refused(verifier, issuer.user("ada", note="x" * 1000))


@given(token=st.text(max_size=60) | st.from_regex(r"[A-Za-z0-9_-]{0,20}(\.[A-Za-z0-9_-]{0,20}){0,4}", fullmatch=True))
def test_garbage_is_refused(verifier: JwtVerifier, token: str) -> None:
    assert is_refused(verifier, token)


@given(
    header=st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "b64", "crit"]),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(max_size=8),
            lambda inner: st.lists(inner, max_size=3),
            max_leaves=4,
        ),
    )
)
def test_strange_headers_are_refused(verifier: JwtVerifier, header: dict[str, object]) -> None:
    assert is_refused(verifier, tokens.compact(header, tokens.claims_of("ada"), lambda _: bytes(64)))
