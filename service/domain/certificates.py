"""What a caller's certificate proves beside a token."""

from dataclasses import dataclass

from service.domain.callers import Caller, CallerKind
from service.domain.errors import Unauthenticated


@dataclass(frozen=True, slots=True)
class Certificate:
    """A client certificate whose chain and private key the handshake has verified.

    ``thumbprint`` is the SHA-256 of its DER form in base64url without padding, as ``x5t#S256`` of RFC 8705 has it;
    ``names`` are the names that it proves, ``expires`` seconds since 1970.
    """

    thumbprint: str
    names: frozenset[str]
    expires: float


def require_binding(caller: Caller, certificate: Certificate | None, *, needed: bool, now: float) -> None:
    """Raise Unauthenticated unless the certificate is the one that the caller must show.

    A token bound to a certificate (RFC 8705, section 3) is good with that certificate alone, whatever it is used for.
    Where a certificate is ``needed``, an unbound token is good with a certificate that names its service. A
    connection may outlive the certificate that opened it, hence ``now``, seconds since 1970.
    """
    if caller.bound_to is None and not needed:
        return
    if certificate is None or certificate.expires <= now:
        raise Unauthenticated
    if caller.bound_to is not None:
        if caller.bound_to != certificate.thumbprint:
            raise Unauthenticated
    elif caller.kind is not CallerKind.SERVICE or caller.subject not in certificate.names:
        raise Unauthenticated
