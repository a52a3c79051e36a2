"""The scheduler: dispatches due jobs and runs periodic tasks.

A small loop instead of Celery's beat, because the database knows what is due. Any number of schedulers may run, or none
for a while, and nothing happens twice or is lost. While the broker is unavailable, the loop does the work itself with
the same functions, so emails keep flowing.
"""

import secrets
import signal
import socket
import threading
import time
from contextlib import suppress

from shared.db.engine import UNAVAILABLE
from shared.jobs import dispatch, heartbeats
from shared.jobs.kinds import DOWNLOAD_NETWORK_LISTS, Task
from shared.jobs.publisher import BrokerUnavailable, Publisher, messages
from shared.mail import results
from shared.models import JobKind, Part
from shared.observability import log
from shared.policy_context import load_lazily
from shared.settings.settings import Settings
from worker import metrics
from worker.context import WorkerContext
from worker.hang_guard import Watchdog
from worker.tasks.table import TASKS

logger = log.get(__name__)

TICK_SECONDS = 0.1
DISPATCH_LIMIT = 1600
"""Maximum jobs that one tick dispatches. If more are due, the next tick follows at once."""

MAX_QUEUED_MESSAGES = 4
"""With this many unread messages the scheduler dispatches no more, because the order is decided when they are read."""

BUSY_SECONDS = 0.02
"""Seconds until the next tick in that case."""

DATABASE_RETRY_SECONDS = 1.0

_BY_SCHEDULER = {spec.task: spec.by_scheduler for spec in TASKS}


class Scheduler:
    """One scheduler. `tick` does what is due now."""

    def __init__(self, settings: Settings, context: WorkerContext, name: str = "scheduler") -> None:
        self._context = context
        self._name = name
        self._next_heartbeat = 0.0
        self._publisher = Publisher(settings.broker_url)
        has_remote_lists = any(source.is_remote for source in settings.network_lists)
        periodic = (spec.task for spec in TASKS if spec.task.period is not None)
        self._due = {task: 0.0 for task in periodic if has_remote_lists or task != DOWNLOAD_NETWORK_LISTS}
        """When each periodic task is due, by this machine's monotonic clock."""

    def run(self, stop: threading.Event) -> None:
        """Tick until stopped, and wait while the database is unavailable."""
        while not stop.is_set() and not self._context.stopping():
            try:
                rest = self.tick()
            except UNAVAILABLE as error:
                logger.warning("database unavailable", why=str(error.__cause__ or error))
                stop.wait(DATABASE_RETRY_SECONDS)
            else:
                stop.wait(rest)

    def tick(self) -> float:
        """Dispatch due jobs and run due periodic tasks. Returns the seconds until the next tick."""
        self._heartbeat()
        busy = self._workers_are_busy()
        self._run_periodic(here=busy)
        if busy:
            return BUSY_SECONDS
        due = self._context.commit(lambda session: dispatch.take_due(session, limit=DISPATCH_LIMIT))
        self._dispatch(due)
        return 0 if len(due) == DISPATCH_LIMIT else TICK_SECONDS

    def close(self) -> None:
        """Close the broker connection and end the heartbeat."""
        self._publisher.close()
        with suppress(*UNAVAILABLE):
            self._context.commit(lambda session: heartbeats.end(session, self._name))

    def _heartbeat(self) -> None:
        """Record a heartbeat, and mark jobs as dead that killed their workers repeatedly, every few seconds."""
        if time.monotonic() >= self._next_heartbeat:
            self._context.commit(lambda session: heartbeats.record(session, self._name, Part.SCHEDULER))
            if self._context.commit(results.mark_lost_dead):
                logger.error("marked jobs as dead that repeatedly killed their workers")
            self._next_heartbeat = time.monotonic() + heartbeats.EVERY.total_seconds()

    def _run_periodic(self, *, here: bool) -> None:
        """Send due periodic tasks to the workers, or run them here if workers are too busy or unreachable."""
        now = time.monotonic()
        for task, due in self._due.items():
            if now < due:
                continue
            self._due[task] = now + (task.period or 0)
            if here or not self._sent(task):
                _BY_SCHEDULER[task](self._context)

    def _sent(self, task: Task) -> bool:
        try:
            self._publisher.publish_task(task)
        except BrokerUnavailable:
            return False
        return True

    def _workers_are_busy(self) -> bool:
        try:
            return self._publisher.count_queued() >= MAX_QUEUED_MESSAGES
        except BrokerUnavailable:
            return False

    def _dispatch(self, due: list[tuple[JobKind, str]]) -> None:
        try:
            self._publisher.publish(due)
        except BrokerUnavailable:
            self._run_here(due)

    def _run_here(self, due: list[tuple[JobKind, str]]) -> None:
        """Do the work here. The claim skips jobs that a worker has taken meanwhile."""
        for task, ids in messages(due):
            _BY_SCHEDULER[task](self._context, ids)
            self._heartbeat()


def main(settings: Settings) -> None:
    """Run until SIGTERM or Ctrl-C. Survives outages of the database, broker and mail server."""
    stop = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda _signum, _frame: stop.set())
    name = f"{socket.gethostname()}-{secrets.token_hex(3)}"
    watchdog = Watchdog()

    def stopping() -> bool:
        watchdog.feed()  # Called before each email and each batch, so it shows progress.
        return stop.is_set()

    context = WorkerContext(settings, load_lazily(settings), name=name, stopping=stopping)
    scheduler = Scheduler(settings, context, name)
    watchdog.start()
    metrics.serve(settings)
    logger.info("scheduler ready")
    scheduler.run(stop)
    watchdog.close()
    scheduler.close()
    context.close()
