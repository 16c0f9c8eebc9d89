"""deploy/ fits the service: every setting, port, user and metric that it names is one of ours."""

import asyncio
import json
import re
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
import yaml

from service.adapters.embedded import binaries
from service.adapters.postgres.database import Database
from service.adapters.postgres.store import PostgresStore
from service.commands.workers import STOP_SECONDS
from service.config import Settings
from service.rpc.health import SERVICES
from tests.conftest import Serve
from tests.deploying import (
    COMPOSE,
    DASHBOARD,
    DEPLOY,
    MANIFESTS,
    Tree,
    at,
    documents,
    entries,
    environment_of,
    expressions,
    items,
    metrics_in,
    missing_settings,
    pods,
    read_yaml,
    unknown_settings,
)
from tests.dev_process import ROOT
from tests.people import face, new_user_id, person, refused
from tests.pictures import jpeg
from tests.scraping import ask
from tests.serve_process import free_port
from tests.tokens import Issuer

SERVERS = ("server-1", "server-2")
PARTS = ("bucket", "count", "sum")
"""What a histogram adds to its name."""

DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")


def compose() -> Tree:
    (document,) = read_yaml(COMPOSE)
    return document


def of_dockerfile(instruction: str) -> str:
    """Return the argument of an instruction's last use."""
    return str(re.findall(rf"^{instruction} (.+)$", DOCKERFILE, re.MULTILINE)[-1])


@pytest.mark.parametrize("name", [*SERVERS, "migrate"])
def test_composed_servers_have_every_setting_and_no_other(name: str) -> None:
    service = at(compose(), "services", name)
    variables = {key: str(value) for key, value in items(at(service, "environment")).items()}
    assert not unknown_settings(variables)
    assert not missing_settings(variables)
    fields = {key.removeprefix("ME_IMAGES_").lower(): value for key, value in variables.items()}
    settings = Settings.model_validate(fields)
    assert settings.port == int(of_dockerfile("EXPOSE"))
    assert (settings.allow_plaintext, settings.metrics_allow_remote, settings.s3_secure) == (True, True, False)
    secrets = {f"/run/secrets/{each}" for each in entries(at(service, "secrets"))}
    assert {str(settings.kek_file), str(settings.jwks_file)} == secrets


def test_composed_servers_are_reached_from_this_machine_alone() -> None:
    published = [str(port) for name in SERVERS for port in entries(at(compose(), "services", name, "ports"))]
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert len({port.split(":")[1] for port in published}) == len(published) == 4
    assert {port.split(":")[2] for port in published} == {of_dockerfile("EXPOSE"), "9464"}
    assert not any("ports" in items(at(compose(), "services", name)) for name in ("postgres", "s3", "migrate"))


def test_images_are_named_by_variables() -> None:
    images = [str(at(each, "image")) for each in items(at(compose(), "services")).values()]
    images += [str(at(pod, "containers", 0, "image")) for pod in pods().values()]
    assert all(image.startswith("${") for image in images)


def test_servers_wait_for_the_schema_and_may_stop_in_peace() -> None:
    for name in SERVERS:
        service = at(compose(), "services", name)
        assert at(service, "depends_on", "migrate", "condition") == "service_completed_successfully"
        assert at(service, "stop_grace_period") == f"{STOP_SECONDS:g}s"
    assert at(pods()["Deployment"], "terminationGracePeriodSeconds") == STOP_SECONDS


@pytest.mark.parametrize("kind", ["Deployment", "Job", "CronJob"])
def test_pods_have_every_setting_and_no_other(kind: str) -> None:
    pod = pods()[kind]
    variables = environment_of(at(pod, "containers", 0))
    assert not unknown_settings(variables)
    assert not missing_settings(variables)
    assert at(pod, "enableServiceLinks") is False  # or Kubernetes would add variables of our prefix
    mounted = {str(at(each, "mountPath")) for each in entries(at(pod, "containers", 0, "volumeMounts"))}
    assert mounted == {"/run/me-images", of_dockerfile("WORKDIR")}
    for name in ("ME_IMAGES_KEK_FILE", "ME_IMAGES_JWKS_FILE"):
        assert str(Path(variables[name]).parent) in mounted


@pytest.mark.parametrize("kind", ["Deployment", "Job", "CronJob"])
def test_pods_run_as_the_images_user_without_rights(kind: str) -> None:
    pod = pods()[kind]
    user = of_dockerfile("USER")
    assert f"{at(pod, 'securityContext', 'runAsUser')}:{at(pod, 'securityContext', 'runAsGroup')}" == user
    security = items(at(pod, "containers", 0, "securityContext"))
    assert security["allowPrivilegeEscalation"] is False
    assert security["readOnlyRootFilesystem"] is True
    assert at(security, "capabilities", "drop") == ["ALL"]


def test_probes_ask_the_health_service() -> None:
    container = at(pods()["Deployment"], "containers", 0)
    port = int(of_dockerfile("EXPOSE"))
    ports = {str(at(each, "name")): at(each, "containerPort") for each in entries(at(container, "ports"))}
    variables = environment_of(container)
    assert ports["grpc"] == port == int(variables["ME_IMAGES_ADDRESS"].rpartition(":")[2])
    assert ports["metrics"] == int(variables["ME_IMAGES_METRICS_ADDRESS"].rpartition(":")[2])
    for probe in ("startupProbe", "readinessProbe"):
        asked = items(at(container, probe, "grpc"))
        assert asked["port"] == port
        assert asked.get("service", "") in SERVICES
    # A database that is away must not restart servers.
    assert "grpc" not in items(at(container, "livenessProbe"))
    annotations = items(at(documents()["Deployment", "me-images"], "spec", "template", "metadata", "annotations"))
    assert annotations["prometheus.io/port"] == str(ports["metrics"])


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="KUBECTL IS MISSING: the manifests were not built")
async def test_the_manifests_build() -> None:
    process = await asyncio.create_subprocess_exec(
        *("kubectl", "kustomize", str(MANIFESTS)), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    built: list[Tree] = list(yaml.safe_load_all(out))
    assert {(str(at(each, "kind")), str(at(each, "metadata", "name"))) for each in built} == set(documents())


async def test_the_dashboard_queries_metrics_that_there_are(serve: Serve, issuer: Issuer) -> None:
    address, user_id = f"127.0.0.1:{free_port()}", new_user_id()
    async with serve(metrics_address=address) as served:
        caller = person(served.channel, issuer.user(user_id), user_id)
        await caller.upload(jpeg(), face())
        await refused(caller.get("no id"))
        _, text = await ask(address)
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    told = set(kinds) | {f"{name}_{part}" for name, kind in kinds.items() if kind == "histogram" for part in PARTS}
    queried = {name for expression in expressions() for name in metrics_in(expression)}
    assert queried
    assert queried <= told
    ours = {name for name in kinds if not name.startswith("me_images_process_")}
    assert {re.sub(rf"_({'|'.join(PARTS)})$", "", name) for name in queried} >= ours
    labels = set(re.findall(r'[{,](\w+)="', text)) | {"instance"}
    used = " ".join(expressions())
    grouped = {label for by in re.findall(r"by \((.*?)\)", used) for label in by.split(", ")}
    matched = set(re.findall(r"(\w+)[=!]~?\"", used))
    assert grouped | matched <= labels


def test_the_dashboard_is_one_that_grafana_loads() -> None:
    dashboard: Tree = json.loads(DASHBOARD.read_text("utf-8"))
    assert at(dashboard, "title") == at(dashboard, "uid") == "me-images"
    assert int(str(at(dashboard, "schemaVersion"))) >= 39
    panels = entries(at(dashboard, "panels"))
    assert len({str(at(panel, "id")) for panel in panels}) == len(panels)
    variables = {str(at(each, "name")) for each in entries(at(dashboard, "templating", "list"))}
    for panel in panels:
        place = items(at(panel, "gridPos"))
        assert set(place) == {"h", "w", "x", "y"}
        assert int(str(place["x"])) + int(str(place["w"])) <= 24
        if at(panel, "type") != "row":
            references = [str(at(each, "refId")) for each in entries(at(panel, "targets"))]
            assert references
            assert len(set(references)) == len(references)
            assert at(panel, "datasource", "uid") == "${datasource}"
    used = set(re.findall(r"\$(?!__)\{?(\w+)", DASHBOARD.read_text("utf-8")))
    assert used == variables


async def test_the_roles_are_all_that_a_server_needs(
    settings: Settings, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    url, password = settings.database_url.get_secret_value(), "letters4digits"
    process = await asyncio.create_subprocess_exec(
        *(
            str(binaries.postgres("psql")),
            "--no-psqlrc",
            "--quiet",
            "--set=ON_ERROR_STOP=1",
            f"--file={DEPLOY / 'postgres' / 'roles.sql'}",
        ),
        f"--dbname={url}",
        env={"ME_IMAGES_DATABASE_PASSWORD": password},
    )
    assert await process.wait() == 0
    try:
        login = urlsplit(url)
        own = login._replace(netloc=login.netloc.replace(f"{login.username}", "me_images_server", 1)).geturl()
        async with Database.connect(own, connections=1) as pool:
            await PostgresStore(pool).ping()
        owned = await database.fetchval("SELECT count(*) FROM pg_class WHERE relowner = 'me_images_server'::regrole")
        assert owned == 0
    finally:
        await database.execute("DROP ROLE me_images_server")
