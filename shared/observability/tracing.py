"""OpenTelemetry traces from the request through the job to the mail server, if an endpoint is set.

A job's row stores the trace context of the request that enqueued it (`traceparent`, W3C Trace Context), so the work of
a worker belongs to the same trace. Without an endpoint a span costs one comparison, and OpenTelemetry, an eighth of all
code at start, is not loaded.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any

from shared.settings.loading import BadSettings

_spans: Any = None
"""The `shared.observability.otel_spans.Spans` of this process, or None."""

_NOTHING: AbstractContextManager[None] = nullcontext()


def configure(endpoint: str | None, part: str) -> None:
    """Send the spans of this process to an endpoint (`http://host:4318/v1/traces`), or nowhere if it is None.

    Call this in each process after the fork, because the sending thread is not inherited. Raises `BadSettings` if
    OpenTelemetry is not installed.
    """
    global _spans
    if endpoint is None:
        return
    try:
        spans = import_module("shared.observability.otel_spans")
    except ImportError:
        raise BadSettings(
            "USHER_OTLP_ENDPOINT is set, but OpenTelemetry isn't installed. Run pip install 'usher[otel]'"
        ) from None
    _spans = spans.Spans(endpoint, service=f"usher-{part}")


def close() -> None:
    """Send the remaining spans and stop tracing."""
    global _spans
    spans, _spans = _spans, None
    if spans is not None:
        spans.close()


def is_enabled() -> bool:
    """Return True if spans of this process are sent."""
    return _spans is not None


def span(name: str, after: Mapping[str, Any] | None = None, **attributes: str) -> AbstractContextManager[None]:
    """A span for the duration of the block, in the trace that `after` carries or else the current one."""
    return _NOTHING if _spans is None else _spans.span(name, after, attributes)


def trace_context() -> dict[str, str]:
    """The trace context that a row stores, so that later work belongs to the current trace."""
    return {} if _spans is None else _spans.trace_context()
