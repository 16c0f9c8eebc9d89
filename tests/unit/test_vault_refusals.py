"""Whatever was altered, moved, cut or belongs to another key stays closed."""

import os
from uuid import UUID, uuid4

import pytest

from service.adapters.vault import MAX_PLAIN_BYTES, OVERHEAD_BYTES, KeyVault
from service.domain.model import UserId
from service.ports.sealing import Purpose, SealBroken, SealContext, UserKey, WrappedKey
from tests import sealing

ADA, BEN = UserId("ada"), UserId("ben")
MEDIA = UUID("00112233-4455-6677-8899-aabbccddeeff")
HOME = SealContext(Purpose.OBJECT, ADA, MEDIA, "original")
KEK = os.urandom(32)
KEY = UserKey(os.urandom(32))
VAULT = KeyVault({3: KEK})
SEALED = VAULT.seal(KEY, HOME, b"what a face looks like")


def is_refused(sealed: bytes, context: SealContext = HOME, key: UserKey = KEY) -> bool:
    try:
        VAULT.open(key, context, sealed)
    except SealBroken:
        return True
    return False


def test_every_single_bit_counts() -> None:
    for at in range(len(SEALED)):
        for bit in range(8):
            altered = bytearray(SEALED)
            altered[at] ^= 1 << bit
            assert is_refused(bytes(altered)), f"bit {bit} of byte {at}"


@pytest.mark.parametrize(
    "elsewhere",
    [
        SealContext(Purpose.MEDIA_FACTS, ADA, MEDIA, "original"),
        SealContext(Purpose.OBJECT, BEN, MEDIA, "original"),
        SealContext(Purpose.OBJECT, ADA, uuid4(), "original"),
        SealContext(Purpose.OBJECT, ADA, None, "original"),
        SealContext(Purpose.OBJECT, ADA, MEDIA, "webp-320"),
        SealContext(Purpose.OBJECT, ADA, MEDIA),
    ],
    ids=["purpose", "user", "id", "no id", "variant", "no variant"],
)
def test_a_moved_blob_does_not_open(elsewhere: SealContext) -> None:
    assert is_refused(SEALED, elsewhere)
    assert not is_refused(SEALED)


def test_a_cut_or_lengthened_blob_does_not_open() -> None:
    assert all(is_refused(SEALED[:length]) for length in range(len(SEALED)))
    assert is_refused(SEALED + b"\0")
    assert is_refused(SEALED[1:])


def test_a_blob_above_the_largest_message_is_not_even_tried() -> None:
    assert is_refused(SEALED[:73] + bytes(MAX_PLAIN_BYTES + 17))


def test_another_users_key_does_not_open() -> None:
    assert is_refused(SEALED, key=UserKey(os.urandom(32)))


def test_a_commitment_to_another_key_is_refused_although_the_tag_holds() -> None:
    salt, context = os.urandom(32), sealing.context_bytes("object", "ada", MEDIA.bytes, "original")
    _, of_another_key = sealing.derive(os.urandom(32), salt, context)
    assert not is_refused(sealing.seal(KEY.secret, 1, salt, context, b"plain"))
    assert is_refused(sealing.seal(KEY.secret, 1, salt, context, b"plain", commitment=of_another_key))


def test_a_wrapped_key_is_no_sealed_thing_and_the_other_way_round() -> None:
    wrapped = VAULT.new_user_key(ADA).blob
    assert is_refused(wrapped, SealContext(Purpose.USER_KEY, ADA), UserKey(KEK))
    with pytest.raises(SealBroken):
        VAULT.unwrap(ADA, WrappedKey(SEALED))


@pytest.mark.parametrize("blob", [b"", b"MEI1", b"MEI1\x01", bytes(OVERHEAD_BYTES), b"MEI2\x01" + bytes(200)])
def test_what_is_no_sealed_thing_at_all_is_refused(blob: bytes) -> None:
    assert is_refused(blob)
    with pytest.raises(SealBroken):
        VAULT.unwrap(ADA, WrappedKey(blob))


def test_a_refusal_says_nothing() -> None:
    with pytest.raises(SealBroken) as refused:
        VAULT.open(KEY, HOME, SEALED[:-1] + bytes([SEALED[-1] ^ 1]))
    assert str(refused.value) == ""
