"""Sealing and key wrapping: the only module that touches an AEAD.

Format ``MEI1``, everything big-endian: magic ``MEI1`` (4 bytes), version 1 (1), key version (4), salt (32),
commitment (32), then AES-256-GCM ciphertext and its 16-byte tag. ``HKDF-SHA512(key, salt, "meimage/seal/1" ||
SHA-256(context), 64)`` gives 32 bytes of AES key and 32 of commitment (RFC 5869, NIST SP 800-38D). The AES
key serves one message alone, because its salt is fresh, so the nonce is constant; the header is
authenticated.
A user's key is sealed the same way, with the epoch as the key version.
"""

import hashlib
import hmac
import os
from collections.abc import Callable, Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from service.domain.model import UserId
from service.ports.sealing import DigestUse, EpochUnknown, Purpose, SealBroken, SealContext, UserKey, WrappedKey

KEY_BYTES = 32
MAX_PLAIN_BYTES = 10 * 1024 * 1024
"""A message is opened whole, so its size is bounded: the largest photo."""

_MAGIC = b"MEI1\x01"
_SALT_AT, _COMMITMENT_AT, _CIPHERTEXT_AT = 9, 41, 73
OVERHEAD_BYTES = _CIPHERTEXT_AT + 16
_INFO = b"meimage/seal/1"
_NONCE = bytes(12)
_USER_KEY_VERSION = 1


class KeyVault:
    """Port Vault over AES-256-GCM. ``keks`` maps epoch to key-encryption key; the highest epoch wraps.

    For an epoch that is not among them, ``look_again`` is asked. What it gives is for opening alone: other servers may
    not have it yet.
    """

    def __init__(self, keks: Mapping[int, bytes], look_again: Callable[[], Mapping[int, bytes]] = dict) -> None:
        if not keks or any(len(kek) != KEY_BYTES for kek in keks.values()):
            raise ValueError("key-encryption keys are 32 bytes each, and one is needed")
        self._keks = dict(keks)
        self._newest = max(keks)
        self._look_again = look_again

    @property
    def newest_epoch(self) -> int:
        """See Vault."""
        return self._newest

    def knows(self, epoch: int) -> bool:
        """See Vault."""
        return epoch in self._keks

    def new_user_key(self, user_id: UserId) -> WrappedKey:
        """See Vault."""
        return self._wrap(user_id, UserKey(os.urandom(KEY_BYTES)))

    def unwrap(self, user_id: UserId, wrapped: WrappedKey) -> UserKey:
        """See Vault."""
        kek = self._kek(self.epoch_of(wrapped))
        return UserKey(_open(kek, SealContext(Purpose.USER_KEY, user_id), wrapped.blob))

    def epoch_of(self, wrapped: WrappedKey) -> int:
        """See Vault."""
        return _key_version(wrapped.blob)

    def rewrap(self, user_id: UserId, wrapped: WrappedKey) -> WrappedKey:
        """See Vault."""
        return self._wrap(user_id, self.unwrap(user_id, wrapped))

    def _wrap(self, user_id: UserId, key: UserKey) -> WrappedKey:
        context = SealContext(Purpose.USER_KEY, user_id)
        return WrappedKey(_seal(self._keks[self._newest], self._newest, context, key.secret))

    def _kek(self, epoch: int) -> bytes:
        if epoch not in self._keks:
            self._keks = {**self._look_again(), **self._keks}
        try:
            return self._keks[epoch]
        except KeyError:
            raise EpochUnknown from None

    def seal(self, key: UserKey, context: SealContext, plain: bytes) -> bytes:
        """See Vault."""
        return _seal(key.secret, _USER_KEY_VERSION, context, plain)

    def open(self, key: UserKey, context: SealContext, sealed: bytes) -> bytes:
        """See Vault."""
        if _key_version(sealed) != _USER_KEY_VERSION:
            raise SealBroken
        return _open(key.secret, context, sealed)

    def keyed_digest(self, key: UserKey, use: DigestUse, content: bytes) -> bytes:
        """See Vault: HMAC-SHA256 under a key derived for this use alone."""
        digest_key = hmac.digest(key.secret, b"meimage/digest/1" + use.encode(), "sha256")
        return hmac.digest(digest_key, content, "sha256")


def _seal(key: bytes, key_version: int, context: SealContext, plain: bytes) -> bytes:
    if len(plain) > MAX_PLAIN_BYTES:
        raise ValueError("a message is at most 10 MiB")
    salt = os.urandom(32)
    aes_key, commitment = _derive(key, salt, context)
    header = b"".join((_MAGIC, key_version.to_bytes(4, "big"), salt, commitment))
    return header + AESGCM(aes_key).encrypt(_NONCE, plain, header)


def _open(key: bytes, context: SealContext, sealed: bytes) -> bytes:
    if not OVERHEAD_BYTES <= len(sealed) <= OVERHEAD_BYTES + MAX_PLAIN_BYTES:
        raise SealBroken
    aes_key, commitment = _derive(key, sealed[_SALT_AT:_COMMITMENT_AT], context)
    if not hmac.compare_digest(commitment, sealed[_COMMITMENT_AT:_CIPHERTEXT_AT]):
        raise SealBroken
    try:
        return AESGCM(aes_key).decrypt(_NONCE, memoryview(sealed)[_CIPHERTEXT_AT:], sealed[:_CIPHERTEXT_AT])
    except InvalidTag:
        raise SealBroken from None


def _key_version(sealed: bytes) -> int:
    if not sealed.startswith(_MAGIC) or len(sealed) < OVERHEAD_BYTES:
        raise SealBroken
    return int.from_bytes(sealed[len(_MAGIC) : _SALT_AT], "big")


def _derive(key: bytes, salt: bytes, context: SealContext) -> tuple[bytes, bytes]:
    info = _INFO + hashlib.sha256(_encode(context)).digest()
    okm = HKDF(hashes.SHA512(), 64, salt=salt, info=info).derive(key)
    return okm[:KEY_BYTES], okm[KEY_BYTES:]


def _encode(context: SealContext) -> bytes:
    """Injective: every part stands behind its own length."""
    object_id = context.object_id.bytes if context.object_id else b""
    parts = (context.purpose.encode(), context.user_id.encode(), object_id, context.variant.encode())
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
