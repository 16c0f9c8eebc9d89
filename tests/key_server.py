"""An address of a token issuer, on loopback, that answers as a test wants it to."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.certificates import Pair

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class KeyServer:
    """A running server. ``answer`` says what it does with a request, ``hits`` counts them."""

    port: int
    answer: Answer
    hits: int = 0
    ended: threading.Event = field(default_factory=threading.Event)
    """For answers that take longer than anybody waits."""

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/keys?v=1"


def told(content: bytes, status: int = 200, *, location: str = "", encoding: str = "identity") -> Answer:
    """Answer with this content."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(len(content)))
        request.send_header("Content-Encoding", encoding)
        request.send_header("Location", location)
        request.end_headers()
        request.wfile.write(content)

    return answer


@contextmanager
def key_server(pair: Pair, folder: Path) -> Iterator[KeyServer]:
    """Run an https server with this certificate until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the library's name
            running.hits += 1
            running.answer(self)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that goes away is what some tests are about."""

    certificate = folder / "key-server.pem"
    certificate.write_bytes(pair.key + pair.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        running = KeyServer(server.server_address[1], told(b""))
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            yield running
        finally:
            running.ended.set()
            server.shutdown()
            serving.join()
