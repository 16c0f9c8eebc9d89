"""A provider of image models on loopback: keeps what it was sent, and answers with a picture as the real ones do."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from tests.sdk.handmade import picture

DRAWN = picture("image/png", 8, 8, (1, 2, 3))
"""What every answer holds."""


@dataclass(frozen=True)
class Sent:
    """A request; ``content_type`` of its body, with the boundary."""

    path: str
    content_type: str
    body: bytes


@dataclass
class Provider:
    """The address of the provider, and the requests that came, oldest first."""

    address: str
    sent: list[Sent] = field(default_factory=list)


@dataclass(frozen=True)
class FormPart:
    """A part of a multipart form; a field without file has no ``filename``."""

    name: str
    filename: str | None
    content_type: str
    content: bytes


def form_parts(sent: Sent) -> list[FormPart]:
    """Take a multipart form apart with the standard library, which shares no code with what made it."""
    assert sent.content_type.startswith("multipart/form-data; boundary=")
    form = message_from_bytes(b"Content-Type: " + sent.content_type.encode() + b"\r\n\r\n" + sent.body, policy=HTTP)
    parts = []
    for part in form.iter_parts():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        assert part.get_content_disposition() == "form-data"
        name = part["content-disposition"].params["name"]
        parts.append(FormPart(name, part.get_filename(), part.get_content_type(), content))
    return parts


@contextmanager
def provider() -> Iterator[Provider]:
    """Answer on a free port until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            asked.sent.append(Sent(self.path, self.headers["content-type"], body))
            answer = json.dumps(_answer(self.path)).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        asked = Provider(f"http://127.0.0.1:{server.server_port}")
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield asked
        finally:
            server.shutdown()
            thread.join()


def _answer(path: str) -> dict[str, object]:
    drawn = base64.b64encode(DRAWN).decode()
    if path.endswith(":generateContent"):
        part = {"inlineData": {"mimeType": "image/png", "data": drawn}}
        return {"candidates": [{"content": {"role": "model", "parts": [part]}}]}
    return {"created": 1, "data": [{"b64_json": drawn}]}
