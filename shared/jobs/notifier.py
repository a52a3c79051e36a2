"""Rings for jobs: which task does which kind, and two ways to publish their ids.

A message carries ids of jobs and nothing else, many to a message, because a message costs more than a job. It is only
a doorbell: the row is the truth, so a ring that is lost, late or doubled costs seconds at most, and nobody waits for
the broker. The scheduler's publisher says when the broker is away; the nudger, which sits behind requests, never does.
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

# It would load OpenTelemetry to measure itself: 2 MB in each process.
with block_imports("opentelemetry"):
    pass

logger = log.get(__name__)


MAX_PENDING = 10_000
"""Nudges that may wait for a slow broker; beyond them, the oldest are left to the relay."""

MAX_QUEUED_MESSAGES = 20
"""With this many messages unread a nudge would only jump the queue."""

NOTIFY_INTERVAL_SECONDS = 0.02
"""How many seconds lie between two nudges at the least: publishing takes the processor from requests."""

IDLE_SECONDS = 1.0

MAX_JOBS_PER_NOTIFICATION = 400
"""How many jobs are nudged for at once; of more, the relay decides whose turn it is."""


class Notifier:
    """Rings for promised jobs behind the caller's back: a call costs microseconds and can't fail.

    One thread, made at the first call in each process, gathers what has come meanwhile and publishes it. What it can't
    publish, or what would wait in the broker for longer than a moment, it drops: the relay rings for the same jobs a
    second later, and lets accounts take turns.
    """

    def __init__(self, broker_url: str) -> None:
        self._broker_url = broker_url
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def notify(self, jobs: Sequence[tuple[JobKind, str]]) -> None:
        """Ring for these jobs soon; never waits, never raises."""
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
                    self._thread = threading.Thread(target=self._run, name="nudger", daemon=True)
                    self._thread.start()

    def _run(self) -> None:
        publisher, notified_at = Publisher(self._broker_url), 0.0
        while True:
            jobs = self._collect()
            try:
                # A nudge after a lull makes no queue, and to ask whether there is one would take as long as it does.
                if time.monotonic() - notified_at > IDLE_SECONDS or publisher.count_queued() < MAX_QUEUED_MESSAGES:
                    publisher.publish(jobs[:MAX_JOBS_PER_NOTIFICATION])
            except BrokerUnavailable:
                pass
            except Exception:
                # The next jobs are nudged for all the same.
                logger.exception("a nudge failed, the relay rings for its jobs", jobs=len(jobs))
            notified_at = time.monotonic()
            time.sleep(NOTIFY_INTERVAL_SECONDS)

    def _collect(self) -> list[tuple[JobKind, str]]:
        """Wait for a first job, then take along what is there already."""
        self._pending.wait()
        self._pending.clear()
        return [self._jobs.popleft() for _ in range(len(self._jobs))]
