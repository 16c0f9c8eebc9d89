"""A token issuer of the tests' own, and the tokens that it signs, right or wrong."""

import json
import time
from pathlib import Path

import jwt
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
        makers = {
            "EdDSA": jwt.algorithms.OKPAlgorithm,
            "ES256": jwt.algorithms.ECAlgorithm,
            "RS256": jwt.algorithms.RSAAlgorithm,
        }
        entries = [
            {**makers[name].to_jwk(key.public_key(), as_dict=True), "kid": name, "use": "sig"}
            for name, key in self.keys.items()
        ]
        path.write_text(json.dumps({"keys": entries}))
        return path

    def user(self, user_id: str, **claims: object) -> str:
        """Return a user's token."""
        return self.sign({"sub": user_id, **claims})

    def service(self, *scopes: str, name: str = "backend", **claims: object) -> str:
        """Return a service's token with these scopes."""
        return self.sign({"sub": name, "client_id": name, "scope": " ".join(scopes), **claims})

    def sign(self, claims: dict[str, object], algorithm: str = "EdDSA", kid: str | None = None) -> str:
        """Return a token with standard claims that ``claims`` may replace, or remove with None."""
        now = int(time.time())
        standard: dict[str, object] = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 600}
        payload = {name: value for name, value in (standard | claims).items() if value is not None}
        return jwt.encode(payload, self.keys[algorithm], algorithm=algorithm, headers={"kid": kid or algorithm})
