"""OpenTelemetry spans. Only `shared.observability.tracing` imports this, and only if an endpoint is set."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import extract, inject
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


class Spans:
    """Creates the spans of one process and sends them to an endpoint, at most a second after they end."""

    def __init__(self, endpoint: str, service: str) -> None:
        self._provider = TracerProvider(resource=Resource.create({"service.name": service}))
        self._provider.add_span_processor(
            BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint), schedule_delay_millis=1000)
        )

    def span(
        self, name: str, after: Mapping[str, Any] | None, attributes: Mapping[str, str]
    ) -> AbstractContextManager[Any]:
        """A span for the duration of a block."""
        context = extract(after) if after else None
        tracer = self._provider.get_tracer("usher")
        return tracer.start_as_current_span(name, context=context, attributes=attributes)

    def trace_context(self) -> dict[str, str]:
        """The current trace in the form that rows store."""
        carrier: dict[str, str] = {}
        inject(carrier)
        return carrier

    def close(self) -> None:
        """Send the remaining spans."""
        self._provider.shutdown()
