"""Traces from the request to the mail server."""

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from shared.observability import tracing
from shared.settings.settings import Settings
from tests.smtp_server import SmtpServer
from tests.worker.test_tasks import another, check_all, mail_all
from tests.worker.world import World
from worker.context import WorkerContext


class Collector(ThreadingHTTPServer):
    """Receives spans as OpenTelemetry's collector does."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receiver)
        self.spans: list[tuple[str, bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1/traces"


class _Receiver(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self.server.spans += [(span.name, span.trace_id) for span in scope.spans]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_an_email_belongs_to_the_trace_of_its_request(
    custom_settings: Settings, world: World, smtp: SmtpServer, collector: Collector
) -> None:
    tracing.configure(collector.url, "web")
    with tracing.span("the request"):
        world.invite()
    tracing.close()
    with another(custom_settings.model_copy(update={"otlp_endpoint": collector.url}), world.rules) as context:
        check_all(context, world)
        mail_all(context, world)
    assert len(smtp.emails) == 1
    assert {name for name, _ in collector.spans} == {"the request", "emails.send", "smtp"}
    assert len({trace for _, trace in collector.spans}) == 1


def test_without_an_endpoint_nothing_is_traced_or_carried(context: WorkerContext, world: World) -> None:
    with tracing.span("the request"):
        world.invite()
    assert "traceparent" not in world.jobs()[0].data
