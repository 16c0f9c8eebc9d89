"""Port KeySource: an HTTPS address of the token issuer.

A fetch is one request on a connection of its own: no redirect is followed, no proxy asked, nothing retried, and once
connected it ends in time however slowly bytes drip.
"""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import certifi
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from service.adapters.jwks import UnusableJwks

TOTAL_SECONDS = 5.0
SOCKET_SECONDS = 3.0
MAX_BYTES = 256 * 1024
"""A JWKS of a large issuer, certificates included, is about a tenth of it."""
_HEADERS = {"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "identity"}


class UrlKeys:
    """Port KeySource: an address that answers with a JWKS; plain http is for loopback, as the settings have it."""

    setting = "ME_IMAGES_JWKS_URL"
    pause = 10.0
    period = 300.0
    needed_at_start = False

    def __init__(self, url: str, ca_file: Path | None) -> None:
        """Raises UnusableJwks when there are no CAs in the file."""
        self._url = urlsplit(url)
        try:
            self._trusted = ssl.create_default_context(cafile=str(ca_file or certifi.where()))
        except OSError as error:
            raise UnusableJwks(f"ME_IMAGES_JWKS_CA_FILE holds no CAs: {type(error).__name__}") from None

    def read(self) -> bytes:
        """See KeySource."""
        connection = self._connection()
        try:
            connection.connect()
            with _cut_in_time(connection.sock):
                return self._fetch(connection)
        except (HTTPError, HTTPException, OSError, ValueError, AttributeError) as error:  # the last: it was cut
            raise UnusableJwks(f"does not answer: {type(error).__name__}") from None
        finally:
            connection.close()

    def _connection(self) -> HTTPConnection:
        host = self._url.hostname or ""
        if self._url.scheme == "http":
            return HTTPConnection(host, self._url.port, timeout=SOCKET_SECONDS)
        return HTTPSConnection(host, self._url.port, timeout=SOCKET_SECONDS, ssl_context=self._trusted)

    def _fetch(self, connection: HTTPConnection) -> bytes:
        target = (self._url.path or "/") + (f"?{self._url.query}" if self._url.query else "")
        connection.request("GET", target, headers=_HEADERS, preload_content=False, decode_content=False)
        response = connection.getresponse()
        if response.status != 200:
            raise UnusableJwks(f"answered {response.status}")
        text = response.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise UnusableJwks(f"answered more than {MAX_BYTES} bytes")
        return text


@contextmanager
def _cut_in_time(connected: socket.socket | None) -> Iterator[None]:
    """End the socket itself, for a response keeps it open after its connection has let it go."""

    def cut() -> None:
        if connected is not None:
            with suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)

    watchdog = threading.Timer(TOTAL_SECONDS, cut)
    watchdog.daemon = True
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()
