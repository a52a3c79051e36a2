"""Traces from the request over the job to the mail server, by OpenTelemetry, where an endpoint is set; else nothing.

A job's row carries the trace of the request that promised it (`traceparent`, W3C Trace Context), so that what workers
do for it later belongs to the same trace. Without an endpoint a span costs one comparison.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from shared.config import BadSettings

try:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.propagate import extract, inject
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
except ImportError:
    TracerProvider = None  # type: ignore[assignment,misc]

_provider: Any = None


def configure(endpoint: str | None, part: str) -> None:
    """Send the spans of this process to the endpoint (`http://host:4318/v1/traces`), or none where there is none.

    Call it in each process after the fork: the thread that sends is not inherited.
    """
    global _provider
    if endpoint is None:
        return
    if TracerProvider is None:
        raise BadSettings("USHER_OTLP_ENDPOINT is set, and OpenTelemetry is not installed: pip install 'usher[otel]'")
    _provider = TracerProvider(resource=Resource.create({"service.name": f"usher-{part}"}))
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint), schedule_delay_millis=1000))


def close() -> None:
    """Send what was not sent yet, and trace no more."""
    global _provider
    sender, _provider = _provider, None
    if sender is not None:
        sender.shutdown()


@contextmanager
def span(name: str, after: Mapping[str, Any] | None = None, **attributes: str) -> Iterator[None]:
    """A span for the length of the block; part of the trace that `after` carries, or of the one that is running."""
    if _provider is None:
        yield
        return
    context = extract(after) if after else None
    with _provider.get_tracer("usher").start_as_current_span(name, context=context, attributes=attributes):
        yield


def carried() -> dict[str, str]:
    """What a row has to carry so that later work belongs to the trace that is running."""
    carrier: dict[str, str] = {}
    if _provider is not None:
        inject(carrier)
    return carrier
