"""Authorities of the tests' own, and the certificates that they issue, good and bad."""

import base64
import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    certificate: x509.Certificate
    private: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key(self) -> bytes:
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def thumbprint(self) -> str:
        """What a token that is bound to it says (RFC 8705, section 3.1)."""
        return base64.urlsafe_b64encode(self.certificate.fingerprint(hashes.SHA256())).decode().rstrip("=")


class Authority:
    """Issues certificates."""

    def __init__(self, name: str) -> None:
        private = ec.generate_private_key(ec.SECP256R1())
        self._pair = Pair(_issued(name, private, None, (), DAY, is_ca=True), private)
        self.pem = self._pair.pem

    def issue(self, name: str, *alternatives: x509.GeneralName, life: timedelta = DAY) -> Pair:
        """Return a certificate with a common name; it ends after ``life``, which may be negative."""
        private = ec.generate_private_key(ec.SECP256R1())
        return Pair(_issued(name, private, self._pair, alternatives, life, is_ca=False), private)

    def server(self) -> Pair:
        """Return a certificate for this machine."""
        here = ipaddress.ip_address("127.0.0.1")
        return self.issue("server", x509.DNSName("localhost"), x509.IPAddress(here))


def _issued(
    name: str,
    private: ec.EllipticCurvePrivateKey,
    issuer: Pair | None,
    alternatives: tuple[x509.GeneralName, ...],
    life: timedelta,
    *,
    is_ca: bool,
) -> x509.Certificate:
    now = datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 2 * DAY)
        .not_valid_after(now + life)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
    )
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return builder.sign(private if issuer is None else issuer.private, hashes.SHA256())


@dataclass(frozen=True)
class Files:
    """The files of a server: where they lie, as its settings have them."""

    folder: Path

    def write(self, server: Pair, client_ca: bytes | None = None) -> dict[str, Path]:
        """Write them, and return the settings that name them."""
        named = {"tls_cert_file": server.pem, "tls_key_file": server.key}
        if client_ca is not None:
            named["tls_client_ca_file"] = client_ca
        for name, content in named.items():
            (self.folder / name).write_bytes(content)
        return {name: self.folder / name for name in named}


def channel_to(address: str, trusted: bytes, own: Pair | None = None) -> grpc.aio.Channel:
    """Open a channel of its own connection, with a certificate or without one."""
    pair = (None, None) if own is None else (own.key, own.pem)
    options = (("grpc.use_local_subchannel_pool", 1),)
    return grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(trusted, *pair), options=options)
