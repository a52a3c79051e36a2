"""Notifies workers of new jobs, without making the caller wait for the broker.

A message carries only job ids, many per message, because a message costs more than a job. It is only a wake-up: the row
is the source of truth, so a lost, late or duplicate message costs a few seconds. The scheduler's `Publisher` reports a
broker that is down. The notifier runs behind requests and never does.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Sequence

from shared.jobs.publisher import BrokerUnavailable, Publisher
from shared.models import JobKind
from shared.observability import log
from shared.optional_imports import block_imports

# redis imports OpenTelemetry for its own metrics, which costs 2 MB per process.
with block_imports("opentelemetry"):
    pass

logger = log.get(__name__)


MAX_PENDING = 10_000
"""Maximum number of notifications waiting for a slow broker. Beyond it, the oldest are left to the scheduler."""

MAX_QUEUED_MESSAGES = 20
"""With this many unread messages, a notification would only jump the queue."""

NOTIFY_INTERVAL_SECONDS = 0.02
"""Minimum interval between two notifications. Publishing competes with requests for the processor."""

IDLE_SECONDS = 1.0
"""After a lull of this many seconds, notify without checking the queue length."""

MAX_JOBS_PER_NOTIFICATION = 400
"""Maximum number of jobs per notification. For the rest, the scheduler picks the order."""


class Notifier:
    """Notifies workers of enqueued jobs in the background. A call costs microseconds and can't fail.

    The first call in each process starts one thread, which collects and publishes the jobs of all callers. It drops
    jobs that it can't publish, or that would wait in a long queue. The scheduler dispatches those a second later, with
    accounts taking turns.
    """

    def __init__(self, broker_url: str) -> None:
        self._broker_url = broker_url
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def notify(self, jobs: Sequence[tuple[JobKind, str]]) -> None:
        """Notify workers of these jobs soon. Never blocks and never raises."""
        if jobs:
            self._jobs.extend(jobs)
            self._pending.set()
            self._start()

    def _reset(self) -> None:
        self._jobs: deque[tuple[JobKind, str]] = deque(maxlen=MAX_PENDING)
        self._pending = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def _start(self) -> None:
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="notifier", daemon=True)
                    self._thread.start()

    def _run(self) -> None:
        publisher, notified_at = Publisher(self._broker_url), 0.0
        while True:
            jobs = self._collect()
            try:
                # After a lull the queue is empty, and counting would take as long as publishing.
                if time.monotonic() - notified_at > IDLE_SECONDS or publisher.count_queued() < MAX_QUEUED_MESSAGES:
                    publisher.publish(jobs[:MAX_JOBS_PER_NOTIFICATION])
            except BrokerUnavailable:
                pass
            except Exception:
                # Keep the thread alive for the jobs that come next.
                logger.exception("notification failed, the scheduler will dispatch its jobs", jobs=len(jobs))
            notified_at = time.monotonic()
            time.sleep(NOTIFY_INTERVAL_SECONDS)

    def _collect(self) -> list[tuple[JobKind, str]]:
        """Wait for the first job, then return all that are pending."""
        self._pending.wait()
        self._pending.clear()
        return [self._jobs.popleft() for _ in range(len(self._jobs))]
