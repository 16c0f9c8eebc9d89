"""Which keys of a JWKS file are used."""

import json
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from service.adapters.jwks import UnusableJwks, read_jwks
from tests.tokens import Issuer, public_jwk

ED25519 = public_jwk(ed25519.Ed25519PrivateKey.generate())


def written(folder: Path, content: object) -> Path:
    path = folder / "jwks.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_key_decides_its_own_algorithm(tmp_path: Path, issuer: Issuer) -> None:
    keys = read_jwks(issuer.write_jwks(tmp_path / "jwks.json"))
    assert {kid: key.algorithm_name for kid, key in keys.items()} == {name: name for name in issuer.keys}


def test_what_the_file_says_of_algorithms_chooses_nothing(tmp_path: Path) -> None:
    keys = read_jwks(written(tmp_path, {"keys": [{**ED25519, "kid": "a", "alg": "HS256"}]}))
    assert keys["a"].algorithm_name == "EdDSA"


def test_keys_of_other_kinds_are_passed_over(tmp_path: Path) -> None:
    entries = [
        {**ED25519, "kid": "good"},
        {**ED25519},
        {**ED25519, "kid": "encrypts", "use": "enc"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "shared"},
        {**public_jwk(ec.generate_private_key(ec.SECP384R1())), "kid": "other-curve"},
    ]
    assert set(read_jwks(written(tmp_path, {"keys": entries}))) == {"good"}


def test_a_private_key_that_strayed_into_the_file_is_not_loaded(tmp_path: Path) -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    entry = jwt.algorithms.OKPAlgorithm.to_jwk(private, as_dict=True)
    assert "d" in entry
    key = read_jwks(written(tmp_path, {"keys": [{**entry, "kid": "a"}]}))["a"]
    assert isinstance(key.key, ed25519.Ed25519PublicKey)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "no json",
        "[]",
        "7",
        {},
        {"keys": []},
        {"keys": "text"},
        {"keys": [7]},
        {"keys": [{"kid": "a"}]},
        {"keys": [{"kid": "a", "kty": "OKP", "crv": "Ed25519"}]},
        {"keys": [{"kid": "a", "kty": "oct", "k": "c2VjcmV0"}]},
        pytest.param({"keys": [dict(ED25519)]}, id="no kid"),
    ],
    ids=str,
)
def test_a_file_without_a_usable_key_is_refused(tmp_path: Path, content: object) -> None:
    with pytest.raises(UnusableJwks):
        read_jwks(written(tmp_path, content))
