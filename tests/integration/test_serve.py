"""`serve` and the commands beside it, as processes: settings, workers, signals."""

import json
import re
import signal
import socket
from pathlib import Path

import grpc
import pytest
from meimage.v1.reference_service_pb2 import ListGeneratorsRequest
from meimage.v1.reference_service_pb2_grpc import ReferenceServiceStub

from service.config import Settings
from tests.certificates import Authority, Files, channel_to
from tests.dev_process import ended, service
from tests.people import bearer, face, new_user_id, person
from tests.pictures import jpeg
from tests.scraping import scrape
from tests.serve_process import free_port, serving, variables, workers_of
from tests.tokens import Issuer
from tests.waiting import until


@pytest.mark.parametrize("workers", [1, 2])
async def test_it_answers_and_sigterm_ends_it_cleanly(
    settings: Settings, issuer: Issuer, tmp_path: Path, workers: int
) -> None:
    async with serving(settings, tmp_path, workers=workers) as (server, address):
        processes = [server, *server.children(recursive=True)]
        user_id = new_user_id()
        async with grpc.aio.insecure_channel(address) as channel:
            me = person(channel, issuer.user(user_id), user_id)
            created = await me.upload(jpeg(), face("here"))
            assert (await me.get(created.me_image.me_image_id)).label == "here"
        server.send_signal(signal.SIGTERM)
        await until(lambda: not any(process.is_running() and process.status() != "zombie" for process in processes))


async def test_workers_share_both_addresses_and_their_certificates(
    settings: Settings, issuer: Issuer, tmp_path: Path
) -> None:
    """The command `health`, by which the server is known to be up, trusts the server's own certificate alone."""
    ours = Authority("ours")
    files = Files(tmp_path).write(ours.server(), ours.pem)
    mtls = f"127.0.0.1:{free_port()}"
    changed = {**files, "mtls_address": mtls, "require_client_certificate": True}
    async with serving(settings.model_copy(update=changed), tmp_path, workers=2) as (_, address):
        user_id = new_user_id()
        wardrobe = issuer.service("me_images.release", name="wardrobe")
        for _ in range(2):
            async with channel_to(address, ours.pem) as channel:
                assert (await person(channel, issuer.user(user_id), user_id).page()).me_images == []
            async with channel_to(mtls, ours.pem, ours.issue("wardrobe")) as channel:
                stub = ReferenceServiceStub(channel)
                assert (await stub.ListGenerators(ListGeneratorsRequest(), metadata=bearer(wardrobe))).generators
            async with channel_to(mtls, ours.pem) as channel:
                with pytest.raises(grpc.aio.AioRpcError):
                    await person(channel, issuer.user(user_id), user_id).page()
            Files(tmp_path).write(ours.server(), ours.pem)
            status, out, _ = await ended(
                await service(
                    "health",
                    folder=tmp_path,
                    ME_IMAGES_ADDRESS=address,
                    ME_IMAGES_TLS_CERT_FILE=str(files["tls_cert_file"]),
                )
            )
            assert (status, out) == (0, "SERVING\n")
    assert all(json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines())


async def test_plaintext_beyond_this_machine_has_an_option(settings: Settings, tmp_path: Path) -> None:
    own = variables(settings) | {"ME_IMAGES_ADDRESS": "0.0.0.0:0"}  # what must be refused
    status, _, err = await ended(await service("serve", folder=tmp_path, **own))
    assert (status, "--allow-plaintext" in err) == (1, True)
    own["ME_IMAGES_ADDRESS"] = "192.0.2.1:1"  # an address of nobody (RFC 5737)
    status, _, err = await ended(await service("serve", "--allow-plaintext", folder=tmp_path, **own))
    assert (status, "not an address of this machine" in err) == (1, True)


async def test_health_of_a_server_that_asks_everybody(settings: Settings, tmp_path: Path) -> None:
    """The probe shows the server's own certificate."""
    ours = Authority("ours")
    files = Files(tmp_path).write(ours.server(), ours.pem)
    async with serving(settings.model_copy(update=files), tmp_path, workers=1) as (_, address):
        plain = await service("health", folder=tmp_path, ME_IMAGES_ADDRESS=address)
        assert (await ended(plain))[:2] == (1, "UNAVAILABLE\n")


async def test_a_worker_that_is_killed_is_replaced(settings: Settings, tmp_path: Path) -> None:
    async with serving(settings, tmp_path, workers=2) as (server, _):
        first = workers_of(server)[0]
        first.kill()
        await until(lambda: len(workers_of(server)) == 2 and first not in workers_of(server))


async def test_each_worker_tells_its_own_metrics(settings: Settings, tmp_path: Path) -> None:
    first = free_port()
    own = settings.model_copy(update={"metrics_address": f"127.0.0.1:{first}"})
    async with serving(own, tmp_path, workers=2) as (server, _):
        for worker in workers_of(server):
            listening = {each.laddr.port for each in worker.net_connections("tcp") if each.status == "LISTEN"}
            (port,) = listening & {first, first + 1}
            page = await scrape(f"127.0.0.1:{port}")
            assert page.value("me_images_process_start_time_seconds") == pytest.approx(worker.create_time(), abs=1)
        assert (await scrape(f"127.0.0.1:{first}")).value("me_images_decoders") == settings.decoders
        assert (await scrape(f"127.0.0.1:{first + 1}")).value("me_images_decoders") == settings.decoders


async def test_workers_end_with_a_supervisor_that_is_killed(settings: Settings, tmp_path: Path) -> None:
    async with serving(settings, tmp_path, workers=2) as (server, _):
        processes = server.children(recursive=True)
        server.kill()
        await until(lambda: not any(process.is_running() for process in processes))


async def test_help_names_every_command(tmp_path: Path) -> None:
    status, out, _ = await ended(await service("--help", folder=tmp_path))
    assert status == 0
    commands = ("serve", "dev", "migrate", "upkeep", "replay-erasures", "new-kek", "rewrap-keys", "doctor", "health")
    assert [name for name in commands if not re.search(rf"^    {name}$|^    {name} ", out, re.MULTILINE)] == []
    assert "--audit" in (await ended(await service("upkeep", "--help", folder=tmp_path)))[1]


async def test_missing_settings_are_named(tmp_path: Path) -> None:
    status, _, err = await ended(await service("serve", folder=tmp_path))
    assert status == 2
    assert "ME_IMAGES_DATABASE_URL is not set." in err.splitlines()
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"ME_IMAGES_ADDRESS": "0.0.0.0:0"}, "loopback only"),  # what must be refused
        ({"ME_IMAGES_ADDRESS": "192.0.2.1:1", "ME_IMAGES_ALLOW_PLAINTEXT": "true"}, "not an address of this machine"),
        ({"ME_IMAGES_METRICS_ADDRESS": "0.0.0.0:0"}, "Metrics are told on loopback only"),  # what must be refused
        ({"ME_IMAGES_METRICS_ADDRESS": "192.0.2.1:1", "ME_IMAGES_METRICS_ALLOW_REMOTE": "true"}, "METRICS_ADDRESS is"),
        ({"ME_IMAGES_DATABASE_URL": "postgresql://127.0.0.1:1/none"}, "does not answer"),
        ({"ME_IMAGES_KEK_FILE": "nowhere"}, "cannot read the KEK file"),
        ({"ME_IMAGES_GENERATORS_FILE": "nowhere.toml"}, "nowhere.toml: cannot be read"),
        ({"ME_IMAGES_JWKS_FILE": "nowhere"}, "ME_IMAGES_JWKS_FILE"),
        ({"ME_IMAGES_TLS_CERT_FILE": "nowhere"}, "ME_IMAGES_TLS_KEY_FILE is wrong"),
        ({"ME_IMAGES_TLS_CERT_FILE": "a", "ME_IMAGES_TLS_KEY_FILE": "b"}, "ME_IMAGES_TLS_CERT_FILE cannot be read"),
        ({"ME_IMAGES_TLS_CLIENT_CA_FILE": "ca"}, "ME_IMAGES_TLS_CLIENT_CA_FILE is wrong"),
        ({"ME_IMAGES_MTLS_ADDRESS": "127.0.0.1:0"}, "ME_IMAGES_MTLS_ADDRESS is wrong"),
        ({"ME_IMAGES_REQUIRE_CLIENT_CERTIFICATE": "true"}, "ME_IMAGES_REQUIRE_CLIENT_CERTIFICATE is wrong"),
        ({"ME_IMAGES_WORKERS": "none"}, "ME_IMAGES_WORKERS is wrong"),
        ({"ME_IMAGES_WORKRES": "2"}, "ME_IMAGES_WORKRES is not a setting; did you mean ME_IMAGES_WORKERS?"),
    ],
)
async def test_what_cannot_work_is_one_sentence(
    settings: Settings, tmp_path: Path, changed: dict[str, str], sentence: str
) -> None:
    status, _, err = await ended(await service("serve", folder=tmp_path, **variables(settings) | changed))
    assert status in {1, 2}
    assert sentence in err
    assert "Traceback" not in err


async def test_a_taken_address_is_named(settings: Settings, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        own = variables(settings) | {"ME_IMAGES_ADDRESS": address}
        status, _, err = await ended(await service("serve", folder=tmp_path, **own))
    assert status == 1
    assert "ME_IMAGES_ADDRESS is taken" in err


async def test_migrate_and_upkeep_print_what_they_did(settings: Settings, tmp_path: Path) -> None:
    status, out, _ = await ended(await service("migrate", folder=tmp_path, **variables(settings)))
    assert (status, out) == (0, "the schema is the newest\n")
    status, out, _ = await ended(await service("upkeep", folder=tmp_path, **variables(settings)))
    assert status == 0
    assert out.startswith("removed ")


@pytest.mark.parametrize("command", ["serve", "dev", "migrate", "upkeep", "replay-erasures", "rewrap-keys", "doctor"])
async def test_no_command_passes_over_a_variable_that_it_does_not_know(
    settings: Settings, tmp_path: Path, command: str
) -> None:
    own = variables(settings) | {"ME_IMAGES_BUCKET": "canary"}
    status, out, err = await ended(await service(command, folder=tmp_path, **own))
    assert status == 2
    assert "ME_IMAGES_BUCKET is not a setting; did you mean ME_IMAGES_S3_BUCKET?" in out + err
    assert "canary" not in out + err


async def test_health_of_nobody_is_a_failure(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    status, out, _ = await ended(await service("health", folder=tmp_path, ME_IMAGES_ADDRESS=address))
    assert (status, out) == (1, "UNAVAILABLE\n")
