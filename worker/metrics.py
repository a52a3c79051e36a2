"""What the working processes count, for Prometheus to read from the port of their parent.

The processes of one worker count into files of a folder that the `usher` command has named, and the parent adds them
up. A process that takes a dead one's place goes on in its file, so that there are never more files than processes.
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
    """This process's place among those of its parent; asked for at each count."""
    index = getattr(current_process(), "index", None)
    return f"parent-{pid}" if index is None else f"worker-{os.getppid()}-{index}"


shared_counters.count_together(_place)

SMTP_REPLIES = Counter("usher_smtp_replies", "Mails by what the mail server said.", ["outcome"])
SMTP_SECONDS = Histogram("usher_smtp_seconds", "How long handing over a mail took.", buckets=_SECONDS)
REQUEST_TO_SENT_SECONDS = Histogram(
    "usher_request_to_mail_seconds", "From the request to the mail server's yes.", ["kind"], buckets=_SECONDS
)
CHECKS = Counter(
    "usher_check_verdicts", "Verdicts of checks, by the reason where there is one.", ["check", "verdict", "reason"]
)
ROUNDS = Counter("usher_rounds", "Rounds of work that were begun, by task.", ["task"])
FENCED = Counter("usher_late_completions", "Completions refused because the lease had been lost.")
UNFORESEEN = Counter("usher_unforeseen_errors", "Jobs that failed in a way nobody foresaw.")

for _trouble in FailureClass:
    SMTP_REPLIES.labels(_trouble.name.lower())
DELIVERED = SMTP_REPLIES.labels("delivered")


def count_checks(checks: Iterable[Mapping[str, Any]]) -> None:
    """Count what checks said, as their invitations keep it."""
    for check in checks:
        for code in [reason["code"] for reason in check["reasons"]] or [""]:
            CHECKS.labels(check["check"], check["verdict"], code).inc()


def serve(settings: Settings) -> None:
    """Let Prometheus read what all processes of this part have counted, where a port is set."""
    if settings.worker_metrics_port is not None:
        start_http_server(settings.worker_metrics_port, addr=settings.web_host, registry=shared_counters.registry())
