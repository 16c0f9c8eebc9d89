"""The format MEI1 written a second time, from DESIGN section 8 alone: what the vault's tests compare with."""

import hashlib
import struct

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def context_bytes(purpose: str, user_id: str, object_id: bytes = b"", variant: str = "") -> bytes:
    """Each part behind its length, 4 bytes big-endian."""
    parts = (purpose.encode(), user_id.encode(), object_id, variant.encode())
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def derive(key: bytes, salt: bytes, context: bytes) -> tuple[bytes, bytes]:
    """Return the AES key and the commitment."""
    info = b"meimage/seal/1" + hashlib.sha256(context).digest()
    okm = HKDF(hashes.SHA512(), 64, salt=salt, info=info).derive(key)
    return okm[:32], okm[32:]


def seal(
    key: bytes, version: int, salt: bytes, context: bytes, plain: bytes, *, commitment: bytes | None = None
) -> bytes:
    """Seal with a salt of the test's choice, and with a commitment of its choice where one is given."""
    aes_key, right = derive(key, salt, context)
    header = b"MEI1" + bytes([1]) + struct.pack(">I", version) + salt + (commitment or right)
    return header + AESGCM(aes_key).encrypt(bytes(12), plain, header)
