"""Every byte of a sealed thing, compared with an implementation of the format that shares no code with the vault."""

import hashlib
import hmac
import os
import struct
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.adapters.vault import MAX_PLAIN_BYTES, OVERHEAD_BYTES, KeyVault
from service.domain.model import UserId
from service.ports.sealing import DigestUse, Purpose, SealBroken, SealContext, UserKey
from tests import sealing

KEK = bytes(range(32))
KEY = UserKey(bytes(range(100, 132)))
MEDIA = UUID("00112233-4455-6677-8899-aabbccddeeff")
CONTEXT = SealContext(Purpose.OBJECT, UserId("ada"), MEDIA, "webp-320")
CONTEXT_BYTES = sealing.context_bytes("object", "ada", MEDIA.bytes, "webp-320")

texts = st.text(max_size=12)
contexts = st.builds(SealContext, st.sampled_from(Purpose), texts.map(UserId), st.none() | st.uuids(), texts)


@pytest.fixture(scope="module")
def vault() -> KeyVault:
    return KeyVault({7: KEK})


def test_a_sealed_thing_is_laid_out_as_documented(vault: KeyVault) -> None:
    sealed = vault.seal(KEY, CONTEXT, b"what a face looks like")
    salt = sealed[9:41]
    assert sealed[:4] == b"MEI1"
    assert sealed[4] == 1
    assert struct.unpack(">I", sealed[5:9]) == (1,)
    assert len(sealed) == 4 + 1 + 4 + 32 + 32 + 22 + 16 == OVERHEAD_BYTES + 22
    assert sealed == sealing.seal(KEY.secret, 1, salt, CONTEXT_BYTES, b"what a face looks like")


def test_a_wrapped_key_names_its_epoch_and_holds_32_sealed_bytes(vault: KeyVault) -> None:
    blob = vault.new_user_key(UserId("ada")).blob
    secret = vault.unwrap(UserId("ada"), vault.new_user_key(UserId("ada"))).secret
    assert struct.unpack(">I", blob[5:9]) == (7,)
    assert len(blob) == OVERHEAD_BYTES + 32
    assert len(secret) == 32


def test_what_the_other_implementation_seals_opens(vault: KeyVault) -> None:
    salt, context = os.urandom(32), sealing.context_bytes("user-key", "ada")
    assert vault.open(KEY, CONTEXT, sealing.seal(KEY.secret, 1, salt, CONTEXT_BYTES, b"plain")) == b"plain"
    wrapped = sealing.seal(KEK, 7, salt, context, KEY.secret)
    assert vault.unwrap(UserId("ada"), type(vault.new_user_key(UserId("ada")))(wrapped)).secret == KEY.secret


def test_bytes_sealed_long_ago_still_open(vault: KeyVault) -> None:
    """Computed once with HKDF written out over HMAC (RFC 5869) and the AES-GCM of another library."""
    sealed = bytes.fromhex(
        "4d4549310100000001c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e70a4ec1be39085133e2"
        "cb7223cc61c595811b906022651b8a6f560d9474b40d1da8b7fccb045566467d675bfe3c595d028a11e72e5ca2c2df573585"
        "20"
    )
    assert vault.open(KEY, CONTEXT, sealed) == b"known answer"


def test_equal_input_never_gives_equal_output(vault: KeyVault) -> None:
    assert len({vault.seal(KEY, CONTEXT, b"same") for _ in range(100)}) == 100


def test_a_keyed_digest_is_hmac_under_a_key_of_its_use(vault: KeyVault) -> None:
    for use, name in ((DigestUse.MEDIA_CONTENT, b"media-content"), (DigestUse.REQUEST_CONTENT, b"request-content")):
        key = hmac.new(KEY.secret, b"meimage/digest/1" + name, hashlib.sha256).digest()
        assert vault.keyed_digest(KEY, use, b"content") == hmac.new(key, b"content", hashlib.sha256).digest()


@given(plain=st.binary(max_size=300), context=contexts)
def test_what_was_sealed_opens_in_its_place(vault: KeyVault, plain: bytes, context: SealContext) -> None:
    assert vault.open(KEY, context, vault.seal(KEY, context, plain)) == plain


@given(one=contexts, other=contexts)
def test_contexts_that_differ_never_stand_for_each_other(vault: KeyVault, one: SealContext, other: SealContext) -> None:
    sealed = vault.seal(KEY, one, b"plain")
    if one == other:
        assert vault.open(KEY, other, sealed) == b"plain"
    else:
        with pytest.raises(SealBroken):
            vault.open(KEY, other, sealed)


def test_the_largest_photo_fits_and_one_byte_more_does_not(vault: KeyVault) -> None:
    largest = bytes(MAX_PLAIN_BYTES)
    assert vault.open(KEY, CONTEXT, vault.seal(KEY, CONTEXT, largest)) == largest
    with pytest.raises(ValueError, match="10 MiB"):
        vault.seal(KEY, CONTEXT, bytes(MAX_PLAIN_BYTES + 1))
