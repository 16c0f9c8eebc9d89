"""TLS as grpcio wants it: the newest certificate for every handshake, and the certificate that a caller showed."""

from typing import cast

import grpc

from service.domain.certificates import Certificate
from service.ports.transport import CertificateReader, TlsSource
from service.rpc.handlers import Context


def credentials(tls: TlsSource, *, ask_callers: bool) -> grpc.ServerCredentials:
    """Return credentials that follow their source; connections that are open stay as they are.

    With ``ask_callers`` nobody connects without a certificate of the client CAs: grpcio knows no way to ask for one and
    do without it.
    """
    given = tls.current()

    def configuration() -> grpc.ServerCertificateConfiguration:
        roots = given.client_ca if ask_callers else None
        return grpc.ssl_server_certificate_configuration([(given.key, given.chain)], roots)

    def changed() -> grpc.ServerCertificateConfiguration | None:
        """Called for each handshake, on a thread of grpcio's; None changes nothing."""
        nonlocal given
        newest = tls.current()
        if newest is given:
            return None
        given = newest
        return configuration()

    fetch = cast("type[grpc.ServerCertificateConfiguration]", changed)  # the stubs know of no None
    return grpc.dynamic_ssl_server_credentials(configuration(), fetch, require_client_authentication=ask_callers)


def certificate_of(context: Context, reader: CertificateReader) -> Certificate | None:
    """Return the certificate that the caller's connection was opened with, None where none was asked for."""
    for pem in context.auth_context().get("x509_pem_cert", ()):
        return reader.read(pem)
    return None
