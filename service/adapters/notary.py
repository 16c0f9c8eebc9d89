"""Signing certificates of erasure, and telling which ones are ours: Ed25519 (RFC 8032).

The key file is PEM: one private key, which signs, and any number of public keys behind it, of private keys that
signed before and are trusted still.
"""

import base64
import re
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from service.adapters.private_files import write_private
from service.domain.erasure import ErasureCertificate

_BLOCK = re.compile(rb"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----", re.DOTALL)


class UnusableSigningKey(Exception):
    """The file holds no Ed25519 private key, or something else beside; the text never says what it holds."""


class Ed25519Notary:
    """Port Notary. Trusts what the key signs, and what older keys have signed."""

    def __init__(self, key: Ed25519PrivateKey, older: tuple[Ed25519PublicKey, ...] = ()) -> None:
        self._key = key
        self._public_key = _pem(key.public_key())
        self._trusted = {each.public_bytes_raw() for each in (key.public_key(), *older)}

    def certify(self, document: str) -> ErasureCertificate:
        """See Notary."""
        signature = base64.b64encode(self._key.sign(document.encode())).decode()
        return ErasureCertificate(document, signature, self._public_key)

    def is_genuine(self, certificate: ErasureCertificate) -> bool:
        """See Notary."""
        try:
            key = serialization.load_pem_public_key(certificate.public_key.encode())
            signature = base64.b64decode(certificate.signature, validate=True)
            if not isinstance(key, Ed25519PublicKey) or key.public_bytes_raw() not in self._trusted:
                return False
            key.verify(signature, certificate.document.encode())
        except (ValueError, UnsupportedAlgorithm, InvalidSignature):
            return False
        return True


def read_notary(path: Path) -> Ed25519Notary:
    """Read the key file. Raises UnusableSigningKey."""
    try:
        blocks = [(found[1], found[0]) for found in _BLOCK.finditer(path.read_bytes())]
        private = [serialization.load_pem_private_key(pem, None) for kind, pem in blocks if kind == b"PRIVATE KEY"]
        public = [serialization.load_pem_public_key(pem) for kind, pem in blocks if kind == b"PUBLIC KEY"]
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UnusableSigningKey(f"ME_IMAGES_SIGNING_KEY_FILE cannot be read: {type(error).__name__}.") from None
    signing = [key for key in private if isinstance(key, Ed25519PrivateKey)]
    older = [key for key in public if isinstance(key, Ed25519PublicKey)]
    if len(signing) != 1 or len(signing) + len(older) != len(blocks):
        raise UnusableSigningKey(
            "ME_IMAGES_SIGNING_KEY_FILE needs one Ed25519 private key, and only public ones beside."
        )
    return Ed25519Notary(signing[0], tuple(older))


def write_signing_key(path: Path) -> None:
    """Write a fresh private key, readable by its owner alone."""
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_private(path, pem.decode())


def _pem(key: Ed25519PublicKey) -> str:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
