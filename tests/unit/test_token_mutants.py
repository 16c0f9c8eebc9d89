"""Hundreds of tokens that are nearly good, and every one is refused."""

from pathlib import Path

import pytest

from service.adapters.jwks import read_jwks
from service.adapters.system import SystemClock
from service.adapters.tokens import JwtVerifier, Trust
from service.domain.errors import Unauthenticated
from tests.mutants import SUBJECT, good_token, mutants
from tests.tokens import AUDIENCE, ISSUER, Issuer


def is_taken(verifier: JwtVerifier, token: str) -> bool:
    try:
        verifier.verify(token)
    except Unauthenticated:
        return False
    return True


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256"])
def test_every_mutant_is_refused(issuer: Issuer, tmp_path: Path, algorithm: str) -> None:
    verifier = JwtVerifier(Trust(ISSUER, AUDIENCE, read_jwks(issuer.write_jwks(tmp_path / "jwks.json"))), SystemClock())
    good = good_token(issuer, algorithm)
    assert verifier.verify(good).subject == SUBJECT
    made = mutants(issuer, algorithm)
    assert len(made) >= 300
    assert good not in made.values()
    assert [what for what, token in made.items() if is_taken(verifier, token)] == []
    # Looking for a key that is not known must not be tripped by them either.
    assert {verifier.names_unknown_key(token) for token in made.values()} == {False, True}
    assert is_taken(verifier, good)
