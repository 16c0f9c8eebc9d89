"""User keys under several epochs, and digests that tell nothing across users."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.adapters.vault import KeyVault
from service.domain.model import UserId
from service.ports.sealing import DigestUse, SealBroken, UserKey, WrappedKey

ADA, BEN = UserId("ada"), UserId("ben")
FIRST, SECOND = os.urandom(32), os.urandom(32)
ONE, OTHER = UserKey(os.urandom(32)), UserKey(os.urandom(32))
VAULT = KeyVault({1: FIRST, 2: SECOND})


def test_old_epochs_open_and_the_newest_wraps() -> None:
    old = KeyVault({1: FIRST}).new_user_key(ADA)
    new = VAULT.new_user_key(ADA)
    assert old.blob[5:9] == (1).to_bytes(4, "big")
    assert new.blob[5:9] == (2).to_bytes(4, "big")
    assert VAULT.unwrap(ADA, old).secret == KeyVault({1: FIRST}).unwrap(ADA, old).secret
    assert VAULT.unwrap(ADA, new).secret == KeyVault({2: SECOND}).unwrap(ADA, new).secret


def test_an_epoch_that_is_gone_opens_nothing() -> None:
    with pytest.raises(SealBroken):
        KeyVault({2: SECOND}).unwrap(ADA, KeyVault({1: FIRST}).new_user_key(ADA))


def test_the_epoch_cannot_be_rewritten() -> None:
    wrapped = bytearray(VAULT.new_user_key(ADA).blob)
    wrapped[8] = 1
    with pytest.raises(SealBroken):
        VAULT.unwrap(ADA, WrappedKey(bytes(wrapped)))
    with pytest.raises(SealBroken):
        KeyVault({1: SECOND}).unwrap(ADA, WrappedKey(bytes(wrapped)))


def test_a_key_wrapped_for_one_user_is_no_key_of_another() -> None:
    with pytest.raises(SealBroken):
        VAULT.unwrap(BEN, VAULT.new_user_key(ADA))


def test_every_user_key_is_fresh() -> None:
    assert len({VAULT.unwrap(ADA, VAULT.new_user_key(ADA)).secret for _ in range(50)}) == 50


@pytest.mark.parametrize("keks", [{}, {1: b"short"}, {1: bytes(32), 2: bytes(33)}], ids=["none", "short", "long"])
def test_a_vault_without_proper_keks_is_not_built(keks: dict[int, bytes]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        KeyVault(keks)


@given(content=st.binary(max_size=100))
def test_a_digest_is_stable_for_a_user_and_differs_across_users_and_uses(content: bytes) -> None:
    digest = VAULT.keyed_digest(ONE, DigestUse.MEDIA_CONTENT, content)
    assert len(digest) == 32
    assert digest == VAULT.keyed_digest(ONE, DigestUse.MEDIA_CONTENT, content)
    assert digest != VAULT.keyed_digest(OTHER, DigestUse.MEDIA_CONTENT, content)
    assert digest != VAULT.keyed_digest(ONE, DigestUse.REQUEST_CONTENT, content)
    assert digest != VAULT.keyed_digest(ONE, DigestUse.MEDIA_CONTENT, content + b"\0")


def test_a_key_is_never_shown() -> None:
    assert ONE.secret.hex() not in f"{ONE} {ONE!r}"
    assert repr(ONE.secret) not in repr([ONE])
