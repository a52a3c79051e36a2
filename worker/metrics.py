"""Metrics of the worker processes, which Prometheus reads from a port of their parent.

The processes of one worker count into files of a folder that the `usher` command sets, and the parent adds them up. A
process that replaces a dead one continues in its file, so there are never more files than processes.
"""

import os
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from billiard import current_process
from prometheus_client import Counter, Histogram, start_http_server

from shared.observability import shared_counters
from shared.settings.settings import Settings
from worker.mail.outcome import FailureClass

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600)


@cache
def _place(pid: int) -> str:
    """The slot of this process among those of its parent, looked up at each count."""
    index = getattr(current_process(), "index", None)
    return f"parent-{pid}" if index is None else f"worker-{os.getppid()}-{index}"


shared_counters.count_together(_place)

SMTP_REPLIES = Counter("usher_smtp_replies", "Emails by the mail server's answer.", ["outcome"])
SMTP_SECONDS = Histogram("usher_smtp_seconds", "Time to transmit an email.", buckets=_SECONDS)
REQUEST_TO_SENT_SECONDS = Histogram(
    "usher_request_to_mail_seconds",
    "Time from the request to the mail server's acceptance.",
    ["kind"],
    buckets=_SECONDS,
)
CHECKS = Counter(
    "usher_check_verdicts", "Verdicts of checks, by reason if there is one.", ["check", "verdict", "reason"]
)
ROUNDS = Counter("usher_rounds", "Batches begun, by task.", ["task"])
FENCED = Counter("usher_late_completions", "Completions refused because the lease was lost.")
UNFORESEEN = Counter("usher_unforeseen_errors", "Jobs that failed with an unexpected error.")

for _trouble in FailureClass:
    SMTP_REPLIES.labels(_trouble.name.lower())
DELIVERED = SMTP_REPLIES.labels("delivered")


def count_checks(checks: Iterable[Mapping[str, Any]]) -> None:
    """Count the verdicts of checks, in the form that invitations store."""
    for check in checks:
        for code in [reason["code"] for reason in check["reasons"]] or [""]:
            CHECKS.labels(check["check"], check["verdict"], code).inc()


def serve(settings: Settings) -> None:
    """Serve the metrics of all processes of this component, if a port is set."""
    if settings.worker_metrics_port is not None:
        start_http_server(settings.worker_metrics_port, addr=settings.web_host, registry=shared_counters.registry())
