"""Certificates of erasure: only what our keys signed, as it was signed, is genuine."""

import base64
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.adapters.notary import Ed25519Notary, UnusableSigningKey, read_notary, write_signing_key
from service.domain.erasure import Holdings, erasure_document, erasure_key, read_document
from service.domain.model import UserId

AT = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
ADA = UserId("ada-ü")
DOCUMENT = erasure_document(ADA, AT, "service:privacy", Holdings(True, 1, 2, 3, bytes(32), 4))


@pytest.fixture
def notary(tmp_path: Path) -> Ed25519Notary:
    write_signing_key(tmp_path / "key.pem")
    return read_notary(tmp_path / "key.pem")


def public_pem(key: Ed25519PrivateKey) -> bytes:
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return key.public_key().public_bytes(*form)


def private_pem(key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey, password: bytes | None = None) -> bytes:
    sealing: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        sealing = serialization.BestAvailableEncryption(password)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealing)


def test_the_document_reads_back() -> None:
    assert read_document(DOCUMENT) == (ADA, AT)
    assert '"ada-ü"' in DOCUMENT
    assert erasure_document(ADA, AT, "service:privacy", Holdings(True, 1, 2, 3, bytes(32), 4)) == DOCUMENT


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "1", '{"format": "another", "user_id": "a"}', "{"])
def test_other_texts_are_no_documents(text: str) -> None:
    with pytest.raises(ValueError, match=r"certificate|format|JSON|Expecting"):
        read_document(text)


def test_what_was_signed_is_genuine_and_nothing_else(notary: Ed25519Notary) -> None:
    signed = notary.certify(DOCUMENT)
    assert notary.is_genuine(signed)
    flipped = bytearray(base64.b64decode(signed.signature))
    flipped[0] ^= 1
    stranger = Ed25519Notary(Ed25519PrivateKey.generate()).certify(DOCUMENT)
    for forged in (
        replace(signed, document=DOCUMENT + " "),
        replace(signed, document=DOCUMENT.replace("ada", "bob")),
        replace(signed, signature=base64.b64encode(bytes(flipped)).decode()),
        replace(signed, signature=""),
        replace(signed, signature="not base64!"),
        replace(signed, public_key="no key"),
        replace(signed, public_key=stranger.public_key),
        replace(signed, public_key=public_pem_of_another_kind()),
        stranger,
    ):
        assert not notary.is_genuine(forged)


def public_pem_of_another_kind() -> str:
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(*form).decode()


def test_what_an_older_key_signed_is_genuine_while_it_is_trusted(tmp_path: Path) -> None:
    older, newer = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    signed = Ed25519Notary(older).certify(DOCUMENT)
    file = tmp_path / "keys.pem"
    file.write_bytes(b"# signs\n" + private_pem(newer) + b"# trusted still\n" + public_pem(older))
    assert read_notary(file).is_genuine(signed)
    file.write_bytes(private_pem(newer))
    assert not read_notary(file).is_genuine(signed)


def test_the_key_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    write_signing_key(tmp_path / "key.pem")
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600


def test_a_file_that_will_not_do_is_refused(tmp_path: Path) -> None:
    one, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    file = tmp_path / "key.pem"
    with pytest.raises(UnusableSigningKey):
        read_notary(file)
    for content in (
        b"",
        b"canary4711",
        public_pem(one),
        private_pem(one) + private_pem(other),
        private_pem(ec.generate_private_key(ec.SECP256R1())),
        private_pem(one) + public_pem_of_another_kind().encode(),
        private_pem(one, b"secret"),
        private_pem(one).replace(b"M", b"!"),
    ):
        file.write_bytes(content)
        with pytest.raises(UnusableSigningKey) as refused:
            read_notary(file)
        assert "canary4711" not in str(refused.value)


def test_the_key_in_the_bucket_does_not_name_the_user() -> None:
    assert erasure_key(ADA).startswith("erasures/")
    assert "ada" not in erasure_key(ADA)
    assert erasure_key(ADA) != erasure_key(UserId("ada"))
