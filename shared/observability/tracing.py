"""Traces from the request over the job to the mail server, by OpenTelemetry, where an endpoint is set; else nothing.

A job's row carries the trace of the request that promised it (`traceparent`, W3C Trace Context), so that what workers
do for it later belongs to the same trace. Without an endpoint a span costs one comparison, and OpenTelemetry, an eighth
of what a start has to load, is not loaded.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any

from shared.settings.loading import BadSettings

_spans: Any = None
"""The `shared.observability.otel_spans.Spans` of this process, or nothing."""

_NOTHING: AbstractContextManager[None] = nullcontext()


def configure(endpoint: str | None, part: str) -> None:
    """Send the spans of this process to the endpoint (`http://host:4318/v1/traces`), or none where there is none.

    Call it in each process after the fork: the thread that sends is not inherited.
    """
    global _spans
    if endpoint is None:
        return
    try:
        spans = import_module("shared.observability.otel_spans")
    except ImportError:
        raise BadSettings(
            "USHER_OTLP_ENDPOINT is set, and OpenTelemetry is not installed: pip install 'usher[otel]'"
        ) from None
    _spans = spans.Spans(endpoint, service=f"usher-{part}")


def close() -> None:
    """Send what was not sent yet, and trace no more."""
    global _spans
    spans, _spans = _spans, None
    if spans is not None:
        spans.close()


def is_enabled() -> bool:
    """Whether spans of this process are sent to anybody."""
    return _spans is not None


def span(name: str, after: Mapping[str, Any] | None = None, **attributes: str) -> AbstractContextManager[None]:
    """A span for the length of the block; part of the trace that `after` carries, or of the one that is running."""
    return _NOTHING if _spans is None else _spans.span(name, after, attributes)


def trace_context() -> dict[str, str]:
    """What a row has to carry so that later work belongs to the trace that is running."""
    return {} if _spans is None else _spans.trace_context()
