"""User keys under several epochs, and digests that tell nothing across users."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.adapters.vault import KeyVault
from service.domain.model import UserId
from service.ports.sealing import DigestUse, EpochUnknown, SealBroken, UserKey, WrappedKey

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


def test_a_rewrapped_key_is_the_same_key_under_the_newest_epoch() -> None:
    old = KeyVault({1: FIRST}).new_user_key(ADA)
    new = VAULT.rewrap(ADA, old)
    assert (VAULT.epoch_of(old), VAULT.epoch_of(new), VAULT.newest_epoch) == (1, 2, 2)
    assert KeyVault({2: SECOND}).unwrap(ADA, new).secret == KeyVault({1: FIRST}).unwrap(ADA, old).secret


def test_rewrapping_again_gives_other_bytes_and_the_same_key() -> None:
    once = VAULT.rewrap(ADA, VAULT.new_user_key(ADA))
    again = VAULT.rewrap(ADA, once)
    assert once != again
    assert VAULT.unwrap(ADA, once).secret == VAULT.unwrap(ADA, again).secret


def test_what_does_not_open_is_not_rewrapped() -> None:
    of_ben, broken = KeyVault({1: FIRST}).new_user_key(BEN), WrappedKey(b"MEI1\x01\x00\x00\x00\x01")
    for wrapped in (of_ben, broken, WrappedKey(b"")):
        with pytest.raises(SealBroken):
            VAULT.rewrap(ADA, wrapped)
    with pytest.raises(SealBroken):
        VAULT.epoch_of(broken)


def test_an_epoch_added_later_opens_and_does_not_wrap() -> None:
    later: dict[int, bytes] = {}
    vault = KeyVault({1: FIRST}, lambda: later)
    wrapped = VAULT.new_user_key(ADA)
    with pytest.raises(EpochUnknown):
        vault.unwrap(ADA, wrapped)
    later |= {1: SECOND, 2: SECOND}
    assert vault.unwrap(ADA, wrapped).secret == VAULT.unwrap(ADA, wrapped).secret
    assert vault.epoch_of(vault.new_user_key(ADA)) == 1
    assert vault.unwrap(ADA, KeyVault({1: FIRST}).new_user_key(ADA)), "a key that is known stays what it is"


def test_a_known_epoch_asks_nobody() -> None:
    def fails() -> dict[int, bytes]:
        raise AssertionError

    vault = KeyVault({1: FIRST}, fails)
    assert vault.unwrap(ADA, vault.new_user_key(ADA))
    assert vault.knows(1)
    assert not vault.knows(2)
