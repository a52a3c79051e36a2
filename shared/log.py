"""Structured logs: one JSON object a line on standard error. Never a token, a password or a whole address."""

import logging
import sys

from shared.lean import without

# For tracebacks in colours it would load rich: 4 MB in each process.
with without("rich"):
    import structlog


def configure(level: str) -> None:
    """Send this process's logs, ours and the libraries', through one JSON renderer."""
    shared_steps: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared_steps, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared_steps,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)


def get(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def bound(*names: str) -> dict[str, str]:
    """What is bound to every line of this request or round under these names, as far as it is."""
    context = structlog.contextvars.get_contextvars()
    return {name: context[name] for name in names if name in context}


def begin(**names: str) -> None:
    """Bind these to every line from here on in this thread, in place of what was bound before."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**names)
