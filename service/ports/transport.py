"""What a connection is made of: our certificate and key, whose callers' certificates count, and what those say."""

from dataclasses import dataclass, field
from typing import Protocol

from service.domain.certificates import Certificate


@dataclass(frozen=True, slots=True)
class TlsMaterial:
    """PEM texts that fit together: a chain with its own certificate first, its key, and the CAs of callers."""

    chain: bytes
    key: bytes = field(repr=False)
    client_ca: bytes | None


class TlsSource(Protocol):
    """Knows the newest usable TLS material."""

    def current(self) -> TlsMaterial:
        """Return it; the same object for as long as nothing changes. Never raises, and may be called on any thread."""
        ...


class CertificateReader(Protocol):
    """Knows what a certificate says."""

    def read(self, pem: bytes) -> Certificate | None:
        """Return what a certificate says, or None for one that cannot be read."""
        ...
