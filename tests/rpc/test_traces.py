"""Traces of a real server, as a collector gets them: one trace from the caller's span to SQL and S3."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from meimage.v1 import me_image_service_pb2 as rpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as otlp
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as otlp_grpc
from opentelemetry.proto.trace.v1 import trace_pb2

from service.config import Settings
from tests import pictures
from tests.conftest import Serve
from tests.dev_process import ended, environment, service
from tests.people import Metadata, Person, face, new_user_id, person, refused
from tests.serve_process import variables
from tests.tokens import Issuer

CANARY = "canary-4711"
STOP_SECONDS = 10.0
"""Well below what a supervisor allows."""

TRACE_ID, CALLERS_SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE_ID}-{CALLERS_SPAN}-01"
SERVER = "meimage.v1.MeImageService"


@dataclass(frozen=True)
class Traced(Person):
    """Somebody whose calls are part of a trace."""

    @property
    def metadata(self) -> Metadata:
        return (*super().metadata, ("traceparent", TRACEPARENT), ("baggage", f"note={CANARY}"))


@dataclass
class Collector(otlp_grpc.TraceServiceServicer):
    """Takes spans, as OpenTelemetry's collector does."""

    text: str = ""
    spans: list[trace_pb2.Span] = field(default_factory=list)

    async def Export(
        self,
        request: otlp.ExportTraceServiceRequest,
        context: object,  # noqa: ARG002 # grpcio hands one to every handler
    ) -> otlp.ExportTraceServiceResponse:
        self.text += str(request)
        self.spans += [
            span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans
        ]
        return otlp.ExportTraceServiceResponse()

    def named(self, name: str) -> trace_pb2.Span:
        (span,) = (span for span in self.spans if span.name == name)
        return span

    def below(self, parent: trace_pb2.Span) -> set[str]:
        return {span.name for span in self.spans if span.parent_span_id == parent.span_id}


@pytest.fixture
async def collector(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Collector]:
    taking = Collector()
    server = grpc.aio.server()
    otlp_grpc.add_TraceServiceServicer_to_server(taking, server)  # type: ignore[no-untyped-call] # generated
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    yield taking
    await server.stop(0)


async def test_a_callers_trace_goes_on_into_sql_and_s3(collector: Collector, serve: Serve, issuer: Issuer) -> None:
    user_id = new_user_id()
    async with serve(traces=True) as served:
        caller = person(served.channel, issuer.user(user_id), user_id)
        caller = Traced(caller.user_id, caller.token, caller.stub)
        made = (await caller.upload(pictures.jpeg(), face(CANARY, CANARY), filename=CANARY)).me_image
        await caller.download(made.me_image_id)
        await refused(caller.get(CANARY))
    assert {span.trace_id.hex() for span in collector.spans} == {TRACE_ID}
    upload = collector.named(f"{SERVER}/UploadMeImage")
    assert upload.parent_span_id.hex() == CALLERS_SPAN
    assert upload.kind == trace_pb2.Span.SPAN_KIND_SERVER
    assert collector.below(upload) >= {"BEGIN", "INSERT media", "COMMIT", "S3 put"}
    assert "S3 get" in collector.below(collector.named(f"{SERVER}/DownloadMeImage"))
    assert _codes(collector) == {"UploadMeImage": "OK", "DownloadMeImage": "OK", "GetMeImage": "INVALID_ARGUMENT"}
    for span in collector.spans:
        assert span.start_time_unix_nano <= span.end_time_unix_nano
    for secret in (CANARY, user_id, user_id.encode().hex(), caller.token, made.me_image_id, made.media.media_id):
        assert secret not in collector.text


async def test_a_call_without_a_trace_begins_one(collector: Collector, serve: Serve, issuer: Issuer) -> None:
    user_id = new_user_id()
    async with serve(traces=True) as served:
        caller = person(served.channel, issuer.user(user_id), user_id)
        await asyncio.gather(*(caller.page(rpc.ListMeImagesRequest()) for _ in range(3)))
    calls = [span for span in collector.spans if span.name.endswith("/ListMeImages")]
    assert len({span.trace_id for span in calls}) == 3
    assert not any(span.parent_span_id for span in calls)
    for call in calls:
        # The first table that a statement names; of nobody who is known it is asked whether they were erased.
        assert collector.below(call) == {"SELECT primary_slots", "SELECT users"}
    assert "S3 ping" not in {span.name for span in collector.spans}


async def test_a_collector_that_is_away_holds_nothing_up(
    serve: Serve, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    user_id = new_user_id()
    async with AsyncExitStack() as stack:
        served = await stack.enter_async_context(serve(traces=True))
        assert not (await person(served.channel, issuer.user(user_id), user_id).page()).me_images
        async with asyncio.timeout(STOP_SECONDS):
            await stack.aclose()


async def test_without_traces_nothing_of_it_is_imported(tmp_path: Path) -> None:
    code = "import sys, service.__main__; sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-c", code, cwd=tmp_path, env=environment()
    )
    assert await process.wait() == 0


async def test_traces_without_the_extra_are_refused_in_one_sentence(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['opentelemetry'] = None\n")
    path = f"{tmp_path}:{environment()['PYTHONPATH']}"
    own = variables(settings) | {"ME_IMAGES_TRACES": "true", "PYTHONPATH": path}
    status, _, err = await ended(await service("serve", folder=tmp_path, **own))
    assert status == 1
    assert "me-images[otel]" in err
    assert "Traceback" not in err


def _codes(collector: Collector) -> dict[str, str]:
    return {
        span.name.rpartition("/")[2]: attribute.value.string_value
        for span in collector.spans
        for attribute in span.attributes
        if attribute.key == "rpc.response.status_code"
    }
