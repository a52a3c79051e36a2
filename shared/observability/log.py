"""Structured logs: one JSON object per line on standard error. Never log a token, a password or a full address."""

import logging
import sys
from contextlib import suppress
from typing import Any

import msgspec

from shared.optional_imports import block_imports

# It would load rich for colored tracebacks: 4 MB in each process.
with block_imports("rich"):
    import structlog

Logger = structlog.typing.FilteringBoundLogger


class _Lines:
    """Writes the lines of one module, each in one piece, without a lock that a fork could leave locked."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._file = sys.stderr.buffer

    def msg(self, line: bytes) -> None:
        with suppress(OSError, ValueError):
            self._file.write(line + b"\n")
            self._file.flush()

    debug = info = warning = error = exception = critical = msg


def configure(level: str) -> None:
    """Send this process's logs, including those of libraries, as JSON to standard error.

    Our own lines skip the standard library's logging for speed, because there may be thousands a second.
    """
    steps: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*steps, _as_json],
        logger_factory=_Lines,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=steps,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _as_text],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)


def get(name: str) -> Logger:
    """The logger of a module."""
    logger: Logger = structlog.get_logger(name)
    return logger


def _as_json(_: Any, __: str, event: structlog.typing.EventDict) -> bytes:
    return msgspec.json.encode(event, enc_hook=repr)


def _as_text(*given: Any) -> str:
    return _as_json(*given).decode()


def bound(*names: str) -> dict[str, str]:
    """The values bound to every line of this request or batch under these names. Unbound names are left out."""
    context = structlog.contextvars.get_contextvars()
    return {name: context[name] for name in names if name in context}


def begin(**names: str) -> None:
    """Bind these values to every line of this thread from now on, and remove earlier ones."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**names)
