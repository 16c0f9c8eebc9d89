"""A server whose keys come from an address of the issuer."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from service.adapters.jwks_url import UrlKeys
from service.rpc import health
from tests.certificates import Authority
from tests.conftest import Serve, Served
from tests.key_server import KeyServer, key_server, told
from tests.people import new_user_id, person, refused
from tests.tokens import Issuer
from tests.waiting import until

OURS = Authority("ours")
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
def address(tmp_path: Path) -> Iterator[KeyServer]:
    (tmp_path / "ca.pem").write_bytes(OURS.pem)
    with key_server(OURS.server(), tmp_path) as running:
        yield running


async def status_of(served: Served) -> int:
    answer = await health_pb2_grpc.HealthStub(served.channel).Check(health_pb2.HealthCheckRequest())
    return int(answer.status)


async def test_it_serves_once_there_are_keys_and_learns_new_ones_within_a_call(
    serve: Serve, address: KeyServer, issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(UrlKeys, "pause", 0.0)
    monkeypatch.setattr(health, "PROBE_SECONDS", 0.05)
    address.answer = told(b"", 503)
    user_id, rotated = new_user_id(), Issuer()
    async with serve(jwks_url=address.url, jwks_file=None, jwks_ca_file=tmp_path / "ca.pem") as served:
        caller = person(served.channel, issuer.user(user_id), user_id)
        assert await status_of(served) == NOT_SERVING
        assert (await refused(caller.page())).reason == "UNAUTHENTICATED"
        address.answer = told(issuer.write_jwks(tmp_path / "keys.json").read_bytes())
        assert (await caller.page()).me_images == []

        async def is_serving() -> bool:
            return await status_of(served) == int(SERVING)

        await until(is_serving)
        rotated.keys = {f"{kid}-new": key for kid, key in rotated.keys.items()}
        address.answer = told(rotated.write_jwks(tmp_path / "keys.json").read_bytes())
        rotated.keys |= {"EdDSA": rotated.keys["EdDSA-new"]}
        token = rotated.sign({"sub": user_id}, kid="EdDSA-new")
        assert (await person(served.channel, token, user_id).page()).me_images == []
        assert (await refused(caller.page())).reason == "UNAUTHENTICATED"
