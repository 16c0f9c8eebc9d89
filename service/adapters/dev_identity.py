"""The development issuer: a signing key in the data folder, its JWKS, and tokens for one person and one backend."""

import json
from datetime import timedelta
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.adapters.private_files import write_private
from service.domain.callers import Scope
from service.ports.outside import Clock

ISSUER = "me-images-dev"
AUDIENCE = "me-images"
USER_ID = "dev-user"
SERVICE = "dev-service"
TOKEN_LIFE = timedelta(days=7)
_KID = "dev"


class DevIdentity:
    """Signs development tokens. The key lies in ``data_dir`` and survives a restart, so that tokens do too."""

    def __init__(self, data_dir: Path, clock: Clock) -> None:
        self._clock = clock
        self._key = _key_in(data_dir / "dev-signing-key.pem")
        self.jwks_file = data_dir / "dev-jwks.json"
        public = jwt.algorithms.OKPAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        write_private(self.jwks_file, json.dumps({"keys": [{**public, "kid": _KID, "use": "sig"}]}))

    def user_token(self) -> str:
        """Return a token of the person USER_ID."""
        return self._token({"sub": USER_ID})

    def service_token(self) -> str:
        """Return a token of the backend SERVICE with every scope."""
        return self._token({"sub": SERVICE, "client_id": SERVICE, "scope": " ".join(Scope)})

    def _token(self, claims: dict[str, str]) -> str:
        now = self._clock.now()
        standard = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + TOKEN_LIFE}
        return jwt.encode(standard | claims, self._key, algorithm="EdDSA", headers={"kid": _KID})


def _key_in(path: Path) -> Ed25519PrivateKey:
    if not path.exists():
        pem = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_private(path, pem.decode())
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError("the development key is an Ed25519 key")
    return key
