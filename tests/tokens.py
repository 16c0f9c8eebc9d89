"""A token issuer of the tests' own, and the tokens that it signs, right or wrong."""

import base64
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

ISSUER, AUDIENCE = "tests", "me-images"

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class Issuer:
    """Signs with one key of each allowed kind; ``kid`` and algorithm have the same name."""

    def __init__(self) -> None:
        self.keys: dict[str, PrivateKey] = {
            "EdDSA": ed25519.Ed25519PrivateKey.generate(),
            "ES256": ec.generate_private_key(ec.SECP256R1()),
            "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
        }

    def write_jwks(self, path: Path) -> Path:
        """Write the public keys as a JWKS."""
        entries = [{**public_jwk(key), "kid": name, "use": "sig"} for name, key in self.keys.items()]
        path.write_text(json.dumps({"keys": entries}))
        return path

    def user(self, user_id: str, **claims: object) -> str:
        """Return a user's token."""
        return self.sign({"sub": user_id, **claims})

    def service(self, *scopes: str, name: str = "backend", **claims: object) -> str:
        """Return a service's token with these scopes."""
        return self.sign({"sub": name, "client_id": name, "scope": " ".join(scopes), **claims})

    def sign(
        self,
        claims: dict[str, object],
        algorithm: str = "EdDSA",
        *,
        payload: dict[str, object] | None = None,
        **header: object,
    ) -> str:
        """Return a token with standard claims that ``claims`` may replace, or remove with None.

        What ``payload`` names is signed as it stands.
        """
        now = int(time.time())
        standard: dict[str, object] = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 600}
        signed = {name: value for name, value in (standard | claims).items() if value is not None} | (payload or {})
        return jwt.encode(signed, self.keys[algorithm], algorithm=algorithm, headers={"kid": algorithm} | header)


def public_jwk(key: PrivateKey) -> dict[str, object]:
    """Return the public half of a key as a JWK."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return dict(jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key(), as_dict=True))
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return dict(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True))
    return dict(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True))


def compact(header: dict[str, object], claims: dict[str, object], sign: Callable[[bytes], bytes]) -> str:
    """Put a token together by hand (RFC 7515, section 3.1), as a forger does."""
    signed = f"{_base64url(json.dumps(header).encode())}.{_base64url(json.dumps(claims).encode())}"
    return f"{signed}.{_base64url(sign(signed.encode()))}"


def claims_of(user_id: str, **changed: object) -> dict[str, object]:
    """Return the claims that would do for this user, were they signed."""
    return {"iss": ISSUER, "aud": AUDIENCE, "sub": user_id, "exp": int(time.time()) + 600} | changed


def unsigned(user_id: str) -> str:
    """Return a token of ``alg: none`` (RFC 7519, section 6)."""
    return compact({"alg": "none", "kid": "EdDSA"}, claims_of(user_id), lambda _: b"")


def signed_with_public_key(user_id: str, kid: str, secret: bytes) -> str:
    """Return an HMAC token whose secret is what everybody may know."""
    header: dict[str, object] = {"alg": "HS256", "kid": kid}
    return compact(header, claims_of(user_id), lambda signed: hmac.digest(secret, signed, "sha256"))


def public_forms(key: PrivateKey) -> list[bytes]:
    """Return the texts in which a public key goes around: PEM with and without its last newline, DER, and JWK."""
    public = key.public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return [pem, pem.rstrip(b"\n"), der, json.dumps(public_jwk(key)).encode()]


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
