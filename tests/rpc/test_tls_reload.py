"""Certificates change while calls go on: nobody loses a connection, and new ones get the new certificate."""

import asyncio
import ssl
from pathlib import Path

import grpc
import pytest

from tests import pictures
from tests.certificates import Authority, Files, Pair, channel_to
from tests.conftest import Serve
from tests.people import Person, face, person
from tests.serve_process import free_port
from tests.waiting import until

OURS = Authority("ours")


async def shown_at(address: str) -> bytes:
    """Return the certificate that a new connection is shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=OURS.pem.decode())
    context.set_alpn_protocols(["h2"])
    host, _, port = address.rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port), ssl=context)
    found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return ssl.DER_cert_to_PEM_cert(found).encode()


def replace(path: Path, content: bytes) -> None:
    """Put a file in another's place, as certificate managers do."""
    fresh = path.with_suffix(".fresh")
    fresh.write_bytes(content)
    fresh.replace(path)


async def test_calls_go_on_while_certificates_change(serve: Serve, alice: Person, tmp_path: Path) -> None:
    first = OURS.server()
    files = Files(tmp_path).write(first)
    photo = (await alice.upload(pictures.png(), face())).me_image.me_image_id
    async with serve(**files) as served, channel_to(served.address, OURS.pem) as channel:
        caller, answered, over = person(channel, alice.token, alice.user_id), 0, False

        async def keep_calling() -> None:
            nonlocal answered
            while not over:
                assert (await caller.get(photo)).me_image_id == photo
                answered += 1

        calling = asyncio.create_task(keep_calling())
        shown: list[Pair] = [first]
        for _ in range(20):
            newest = OURS.server()
            replace(files["tls_cert_file"], newest.pem)
            # half of a new pair: the old one goes on
            assert await shown_at(served.address) == shown[-1].pem
            replace(files["tls_key_file"], newest.key[: len(newest.key) // 2])
            assert await shown_at(served.address) == shown[-1].pem
            replace(files["tls_key_file"], newest.key)
            assert await shown_at(served.address) == newest.pem
            shown.append(newest)
            before = answered
            async with channel_to(served.address, OURS.pem) as fresh:
                assert (await person(fresh, alice.token, alice.user_id).get(photo)).me_image_id == photo
            assert channel.get_state() is grpc.ChannelConnectivity.READY
            await until(lambda: answered > before)  # noqa: B023 # waited for in this round
        over = True
        await calling


async def test_another_ca_of_callers_counts_from_the_next_connection(
    serve: Serve, alice: Person, tmp_path: Path
) -> None:
    theirs, mtls = Authority("theirs"), f"127.0.0.1:{free_port()}"
    files = Files(tmp_path).write(OURS.server(), OURS.pem)
    photo = (await alice.upload(pictures.png(), face())).me_image.me_image_id
    async with (
        serve(**files, mtls_address=mtls),
        channel_to(mtls, OURS.pem, OURS.issue("early")) as early,
        channel_to(mtls, OURS.pem, OURS.issue("late")) as late,
        channel_to(mtls, OURS.pem, theirs.issue("other")) as other,
    ):
        assert (await person(early, alice.token, alice.user_id).get(photo)).me_image_id == photo
        replace(files["tls_client_ca_file"], theirs.pem)
        assert (await person(early, alice.token, alice.user_id).get(photo)).me_image_id == photo
        assert (await person(other, alice.token, alice.user_id).get(photo)).me_image_id == photo
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await person(late, alice.token, alice.user_id).get(photo)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        files["tls_client_ca_file"].unlink()
        async with channel_to(mtls, OURS.pem, theirs.issue("again")) as again:
            assert (await person(again, alice.token, alice.user_id).get(photo)).me_image_id == photo
