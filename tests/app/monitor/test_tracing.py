"""Exported spans of the real application, and of a real server with a collector."""

import asyncio
import http.server
import json
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import torch
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from app.api.app import create_app
from app.errors import SettingsError
from app.settings.settings import Settings
from stateserve.model.architectures.multiclass import Multiclass
from tests import rest
from tests.process import forked, running_server
from tests.project import IRIS, ROOT, SETOSA

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
MODEL = {"stateserve.model.name": "iris-model", "stateserve.model.version": "1"}


class Traced:
    """The application in memory, and the spans that have ended."""

    def __init__(self, client: httpx.AsyncClient, exporter: InMemorySpanExporter) -> None:
        self.client = client
        self._exporter = exporter

    def spans(self, name: str = "") -> list[ReadableSpan]:
        return [span for span in self._exporter.get_finished_spans() if name in span.name]

    def one(self, name: str) -> ReadableSpan:
        (span,) = self.spans(name)
        return span


@asynccontextmanager
async def tracing(**settings: object) -> AsyncIterator[Traced]:
    app = create_app(Settings(**{"model": IRIS, "tracing": True} | settings))
    exporter = InMemorySpanExporter()
    app.state.tracing.provider.add_span_processor(SimpleSpanProcessor(exporter))
    transport = httpx.ASGITransport(app.middleware_stack, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        yield Traced(client, exporter)


@pytest.fixture
async def traced(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Traced]:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    async with tracing() as traced:
        yield traced


async def test_a_request_waits_in_the_queue_and_is_answered_by_a_forward(traced: Traced) -> None:
    answer = await traced.client.post("/predict", json=SETOSA)
    assert answer.json()["class"] == "setosa"
    request = traced.one("POST /predict")
    assert request.kind is SpanKind.SERVER
    assert request.parent is None
    assert dict(request.attributes) == MODEL | {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "http.route": "/predict",
        "stateserve.rows": 1,
        "network.protocol.version": "1.1",
        "server.address": "test",
        "url.path": "/predict",
        "url.scheme": "http",
        "user_agent.original": answer.request.headers["user-agent"],
    }
    queue, forward = traced.one("queue"), traced.one("forward")
    assert queue.parent == forward.parent == request.context
    assert dict(queue.attributes) == MODEL | {"stateserve.rows": 1}
    assert dict(forward.attributes) == MODEL | {
        "stateserve.rows": 1,
        "stateserve.batch.requests": 1,
    }
    assert request.start_time <= queue.start_time <= forward.start_time <= queue.end_time
    assert queue.end_time <= forward.end_time <= request.end_time


async def test_one_forward_links_to_every_request_that_it_answers(traced: Traced) -> None:
    answers = await asyncio.gather(
        *(traced.client.post("/predict", json={"instances": [SETOSA] * n}) for n in (1, 2, 3))
    )
    assert all(answer.is_success for answer in answers)
    requests = {span.context.span_id: span for span in traced.spans("POST /predict")}
    assert len(requests) == 3
    assert len({span.context.trace_id for span in requests.values()}) == 3
    forwards = traced.spans("forward")
    linked = [link.context.span_id for span in forwards for link in span.links]
    assert sorted(linked) == sorted(requests)
    largest = max(forwards, key=lambda span: len(span.links))
    answered = [requests[link.context.span_id] for link in largest.links]
    assert largest.attributes["stateserve.batch.requests"] == len(answered) > 1
    rows = sum(span.attributes["stateserve.rows"] for span in answered)
    assert largest.attributes["stateserve.rows"] == rows
    # Links lead from each request to the forward pass, which is in the trace of only one.
    queues = [span for span in traced.spans("queue") if span.parent.span_id in requests]
    reached = [link.context.span_id for queue in queues for link in queue.links]
    assert sorted(set(reached)) == sorted(span.context.span_id for span in forwards)
    assert largest.parent.span_id in [span.context.span_id for span in answered]


async def test_a_large_request_has_a_forward_for_each_chunk(traced: Traced) -> None:
    rows = 16_384 + 10
    answer = await traced.client.post("/predict", json={"instances": [SETOSA] * rows})
    assert answer.is_success
    request = traced.one("POST /predict")
    assert [span.parent for span in traced.spans("forward")] == [request.context] * 2
    assert [span.attributes["stateserve.rows"] for span in traced.spans("forward")] == [16_384, 10]
    assert request.attributes.items() >= MODEL.items()


async def test_the_open_inference_protocol_is_traced_as_well(traced: Traced) -> None:
    values = list(SETOSA.values())
    tensor = {"name": "input", "shape": [1, 4], "datatype": "FP32", "data": values}
    answer = await traced.client.post("/v2/models/iris-model/infer", json={"inputs": [tensor]})
    assert answer.is_success, answer.text
    request = traced.one("POST /v2/models/{model}/infer")
    assert traced.one("queue").parent == traced.one("forward").parent == request.context
    assert request.attributes.items() >= MODEL.items()


async def test_the_callers_trace_goes_on(traced: Traced) -> None:
    headers = {"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-01", "tracestate": "vendor=1"}
    await traced.client.post("/predict", json=SETOSA, headers=headers)
    assert {f"{span.context.trace_id:032x}" for span in traced.spans()} == {TRACE_ID}
    request = traced.one("POST /predict")
    assert f"{request.parent.span_id:016x}" == SPAN_ID
    assert request.context.trace_state["vendor"] == "1"


@pytest.mark.parametrize("given", ["", "00-0-0-01", f"00-{'0' * 32}-{SPAN_ID}-01", "é" * 100])
async def test_a_broken_traceparent_starts_a_new_trace(traced: Traced, given: str) -> None:
    headers = {"traceparent": given.encode("latin-1")}
    assert (await traced.client.post("/predict", json=SETOSA, headers=headers)).is_success
    assert traced.one("POST /predict").parent is None


async def test_what_the_caller_does_not_record_is_not_recorded(traced: Traced) -> None:
    headers = {"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-00"}
    assert (await traced.client.post("/predict", json=SETOSA, headers=headers)).is_success
    assert traced.spans() == []


async def test_a_forward_is_in_the_trace_of_a_request_that_is_recorded(traced: Traced) -> None:
    flags = ["00", "00", "01"]
    headers = [{"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-{flag}"} for flag in flags]
    await asyncio.gather(
        *(traced.client.post("/predict", json=SETOSA, headers=each) for each in headers)
    )
    request = traced.one("POST /predict")
    assert traced.one("forward").parent == request.context


@pytest.mark.parametrize(
    ("method", "url", "name", "route", "status"),
    [
        ("GET", "/models/iris-model?x=%3C", "GET /models/{model}", "/models/{model}", 200),
        ("GET", "/state/none", "GET /state/{name}", "/state/{name}", 404),
        ("GET", "/nothing/here", "GET", None, 404),
        ("BREW", "/coffee", "HTTP", None, 404),
        ("POST", "/predict", "POST /predict", "/predict", 400),
    ],
)
async def test_a_span_is_named_by_the_route_and_not_by_the_caller(
    traced: Traced, method: str, url: str, name: str, route: str | None, status: int
) -> None:
    headers = {"Content-Type": "application/json"}
    assert (await traced.client.request(method, url, headers=headers)).status_code == status
    (span,) = traced.spans()
    attributes = span.attributes
    assert (span.name, attributes.get("http.route")) == (name, route)
    assert attributes["http.response.status_code"] == status
    assert attributes.get("url.query") == (url.partition("?")[2] or None)
    assert attributes.get("http.request.method_original") == ("BREW" if name == "HTTP" else None)
    # An error of the client is no error of the server.
    assert span.status.status_code is StatusCode.UNSET
    assert "error.type" not in attributes


async def test_an_answer_that_came_too_late_is_an_error(traced: Traced) -> None:
    headers = {"X-Request-Timeout": "0.000001"}
    answer = await traced.client.post("/predict", json=SETOSA, headers=headers)
    assert answer.status_code == 504
    request = traced.one("POST /predict")
    assert request.attributes["error.type"] == "504"
    assert request.status.status_code is StatusCode.ERROR
    queue = traced.one("queue")
    assert queue.attributes["error.type"] in ("DeadlineExceeded", "cancelled")
    assert queue.status.status_code is StatusCode.ERROR
    assert traced.spans("forward") == []


async def test_who_is_refused_for_a_full_queue_has_not_waited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    async with tracing(max_queued_requests=1) as traced:
        await asyncio.gather(*(traced.client.post("/predict", json=SETOSA) for _ in range(5)))
        refused = [s for s in traced.spans("queue") if "error.type" in s.attributes]
        assert {span.attributes["error.type"] for span in refused} == {"Overloaded"}
        statuses = [s.attributes["http.response.status_code"] for s in traced.spans("POST")]
    assert statuses.count(503) == len(refused) > 0


async def test_a_forward_that_fails_is_an_error(
    monkeypatch: pytest.MonkeyPatch, write_model: Callable[..., Path]
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    module = Multiclass().eval()
    with torch.no_grad():
        module.hidden.weight.mul_(1e9)
    async with tracing(model=write_model(module=module)) as traced:
        large = dict.fromkeys(("x0", "x1", "x2", "x3"), 1e30)
        assert (await traced.client.post("/predict", json=large)).status_code == 422
    forward = traced.one("forward")
    assert forward.status.status_code is StatusCode.ERROR
    assert "InvalidInstances" in forward.events[0].attributes["exception.type"]
    assert traced.one("queue").status.status_code is StatusCode.UNSET


async def test_probes_and_scrapes_are_not_traced(traced: Traced) -> None:
    for path in ("/health/live", "/health/ready", "/metrics"):
        assert (await traced.client.get(path)).is_success
    assert traced.spans() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("OTEL_TRACES_EXPORTER", "zipkin"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
)
def test_what_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"{name} '{value}': this service speaks "):
        create_app(Settings(model=IRIS, tracing=True))


def test_without_the_extra_one_line_says_how_to_get_it() -> None:
    # FastAPI needs the API: hide the SDK alone.
    code = (
        "import sys; sys.modules['opentelemetry.sdk'] = None; "
        "from app.cli import main; sys.argv = ['stateserve', 'serve', '--tracing', 'true']; main()"
    )
    result = subprocess.run(
        forked("-c", code), capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert result.returncode == 1
    message = json.loads(result.stderr)["message"]
    assert message == "tracing needs OpenTelemetry: pip install '.[otel]'"


@pytest.fixture
def collector() -> Iterator[tuple[str, Callable[[], list[ExportTraceServiceRequest]]]]:
    """The address of an OTLP/HTTP receiver, and what it has received."""
    received: list[ExportTraceServiceRequest] = []

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/v1/traces":
                received.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", lambda: received
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_sends_its_spans_to_a_collector(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    collector: tuple[str, Callable[[], list[ExportTraceServiceRequest]]],
    workers: str,
) -> None:
    address, received = collector
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    arguments = ("--tracing", "true", "--workers", workers)
    headers = {"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-01"}
    with running_server(tmp_path / "log", *arguments) as running:
        for _ in range(3):
            assert rest.post(f"{running.url}/predict", json=SETOSA, headers=headers).is_success
        # Spans that have not been sent are sent at the end.
        assert running.stop() == 0, running.log.read_text()
    resources = [each for request in received() for each in request.resource_spans]
    spans = [span for each in resources for scope in each.scope_spans for span in scope.spans]
    names = sorted(span.name for span in spans)
    assert names == ["POST /predict"] * 3 + ["forward"] * 3 + ["queue"] * 3
    assert {span.trace_id.hex() for span in spans} == {TRACE_ID}
    said = {a.key: a.value.string_value for each in resources for a in each.resource.attributes}
    assert said["service.name"] == "stateserve"
    assert said["deployment.environment.name"] == "test"
    records = [json.loads(line) for line in running.log.read_text().splitlines()]
    requests = [record for record in records if record.get("path") == "/predict"]
    assert [record["trace_id"] for record in requests] == [TRACE_ID] * 3


def test_a_collector_that_is_not_there_harms_no_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    with running_server(tmp_path / "log", "--tracing", "true") as running:
        assert rest.post(f"{running.url}/predict", json=SETOSA).is_success
        assert running.stop() == 0, running.log.read_text()
    records = [json.loads(line) for line in running.log.read_text().splitlines()]
    assert any("exporting spans" in record["message"] for record in records)
