"""Connections that never become one: they end by themselves, and hinder nobody."""

import asyncio
from pathlib import Path

import pytest

from service.rpc import server
from tests.certificates import Authority, Files, channel_to
from tests.conftest import Serve
from tests.people import Person, person

OURS = Authority("ours")
HELLO = b"\x16\x03\x01\x02\x00\x01"
"""How a TLS client begins (RFC 8446, section 5.1)."""


async def test_a_handshake_that_stalls_is_given_up(
    serve: Serve, alice: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = {"grpc.server_handshake_timeout_ms": 2_000}
    assert quick.keys() <= dict(server._OPTIONS).keys()
    monkeypatch.setattr(server, "_OPTIONS", tuple((dict(server._OPTIONS) | quick).items()))
    async with serve(**Files(tmp_path).write(OURS.server())) as served:
        host, _, port = served.address.rpartition(":")
        opened = [await asyncio.open_connection(host, int(port)) for _ in range(64)]
        for number, (_, writer) in enumerate(opened):
            writer.write(HELLO[: number % len(HELLO)])
        async with channel_to(served.address, OURS.pem) as channel:
            for _ in range(20):
                assert (await person(channel, alice.token, alice.user_id).page()).me_images == []
        try:
            async with asyncio.timeout(8):
                assert set(await asyncio.gather(*(reader.read() for reader, _ in opened))) == {b""}
        finally:
            for _, writer in opened:
                writer.close()
