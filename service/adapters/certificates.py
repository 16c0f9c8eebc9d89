"""Port CertificateReader, and whom a certificate of ours names."""

import base64
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from service.domain.certificates import Certificate

KNOWN = 1024
"""Certificates that are remembered: one is shown with every call of its connection."""


class X509Reader:
    """Port CertificateReader."""

    def read(self, pem: bytes) -> Certificate | None:
        """See CertificateReader."""
        return _read(pem)


@lru_cache(KNOWN)
def _read(pem: bytes) -> Certificate | None:
    """A certificate names what its URI and DNS alternative names are, and its common name only where it has none."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        names = _alternative_names(certificate) or _common_names(certificate)
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension):
        return None
    thumbprint = base64.urlsafe_b64encode(certificate.fingerprint(hashes.SHA256())).decode().rstrip("=")
    return Certificate(thumbprint, frozenset(names), certificate.not_valid_after_utc.timestamp())


def _alternative_names(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    uris = found.get_values_for_type(x509.UniformResourceIdentifier)
    return [*uris, *found.get_values_for_type(x509.DNSName)]


def _common_names(certificate: x509.Certificate) -> list[str]:
    return [str(each.value) for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]


def host_named_by(chain: bytes) -> str | None:
    """Return a host that the first certificate of a chain is good for, or None where it names none."""
    try:
        certificate = x509.load_pem_x509_certificates(chain)[0]
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        addresses = [str(each) for each in found.get_values_for_type(x509.IPAddress)]
        names = [*found.get_values_for_type(x509.DNSName), *addresses]
    except x509.ExtensionNotFound:
        names = _common_names(certificate)
    except ValueError:
        return None
    return names[0].replace("*", "probe", 1) if names else None
