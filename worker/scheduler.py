"""The relay and the clock: rings for jobs that are due, and has the chores done in time.

A small loop instead of Celery's beat, because what is due stands in the database: any number of schedulers may run, or
none for a while, and nothing happens twice or never. While the broker is away, the loop does the work itself by the
same functions, so that mail keeps flowing.
"""

import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from shared import log
from shared.broker import CHECK, EXPIRE, FETCH, MAIL, SEAL, SWEEP, BrokerAway, Publisher, Task, messages
from shared.config import Settings
from shared.db import AWAY
from shared.models import JobKind, Part
from shared.services import deliveries, heartbeats, ringing
from shared.services.rules import load_later
from worker import metrics
from worker.runtime import Runtime
from worker.tasks import checks, housekeeping, mail
from worker.watchdog import Watchdog

logger = log.get(__name__)

TICK_SECONDS = 0.1
RING_LIMIT = 1600
"""How many jobs one tick rings for; while there are more, the next tick follows at once."""

MAX_WAITING = 4
"""With this many messages unread the relay rings for nothing more: whose turn it is, is decided when they are read."""

BUSY_SECONDS = 0.02
"""How soon it looks again then."""

DATABASE_REST_SECONDS = 1.0

_DO = {CHECK: checks.check, MAIL: mail.mail}


@dataclass
class Chore:
    """Something to be done again and again; `due` is by this machine's monotonic clock."""

    task: Task
    every: float
    do: Callable[[Runtime], None]
    due: float = 0.0


class Scheduler:
    """One relay; `tick` does what is due now."""

    def __init__(self, settings: Settings, runtime: Runtime, name: str = "scheduler") -> None:
        self._runtime = runtime
        self._name = name
        self._beats_at = 0.0
        self._publisher = Publisher(settings.broker_url)
        self._chores = [
            Chore(EXPIRE, 2.0, housekeeping.expire),
            Chore(SEAL, 2.0, housekeeping.seal),
            Chore(SWEEP, 3600.0, housekeeping.sweep),
        ]
        if any(source.is_remote for source in settings.network_lists):
            self._chores.append(Chore(FETCH, 20.0, _leave_to_a_worker))

    def run(self, stop: threading.Event) -> None:
        """Tick until told to stop; a database that is away is waited for."""
        while not stop.is_set() and not self._runtime.stopping():
            try:
                rest = self.tick()
            except AWAY as trouble:
                logger.warning("database away", why=str(trouble.__cause__ or trouble))
                stop.wait(DATABASE_REST_SECONDS)
            else:
                stop.wait(rest)

    def tick(self) -> float:
        """Ring for what is due and see to the chores; returns how many seconds there are until the next time."""
        self._beat()
        busy = self._workers_are_busy()
        self._see_to_chores(here=busy)
        if busy:
            return BUSY_SECONDS
        due = self._runtime.commit(lambda session: ringing.ring(session, limit=RING_LIMIT))
        self._ring(due)
        return 0 if len(due) == RING_LIMIT else TICK_SECONDS

    def close(self) -> None:
        """Take leave, and let go of the broker."""
        self._publisher.close()
        with suppress(*AWAY):
            self._runtime.commit(lambda session: heartbeats.end(session, self._name))

    def _beat(self) -> None:
        """Say that this scheduler lives, and bury what nobody survives, every few seconds."""
        if time.monotonic() >= self._beats_at:
            self._runtime.commit(lambda session: heartbeats.beat(session, self._name, Part.SCHEDULER))
            if self._runtime.commit(deliveries.bury_lost):
                logger.error("buried jobs whose workers died under them again and again")
            self._beats_at = time.monotonic() + heartbeats.EVERY.total_seconds()

    def _see_to_chores(self, *, here: bool) -> None:
        """Send those that are due to the workers, or do them here, where a worker would come to them too late."""
        now = time.monotonic()
        for chore in self._chores:
            if now < chore.due:
                continue
            chore.due = now + chore.every
            if here or not self._sent(chore):
                chore.do(self._runtime)

    def _sent(self, chore: Chore) -> bool:
        try:
            self._publisher.call(chore.task)
        except BrokerAway:
            return False
        return True

    def _workers_are_busy(self) -> bool:
        try:
            return self._publisher.waiting() >= MAX_WAITING
        except BrokerAway:
            return False

    def _ring(self, due: list[tuple[JobKind, str]]) -> None:
        try:
            self._publisher.ring(due)
        except BrokerAway:
            self._do(due)

    def _do(self, due: list[tuple[JobKind, str]]) -> None:
        """Do the work here; what a worker has taken meanwhile is not free any more, and left out by the claim."""
        for task, ids in messages(due):
            _DO[task](self._runtime, ids)
            self._beat()


def _leave_to_a_worker(_: Runtime) -> None:
    """Do nothing now: a slow site would hold up the relay, and what was fetched last is still there."""


def main(settings: Settings) -> None:
    """Run until SIGTERM or Ctrl-C; database, broker and mail server may come and go meanwhile."""
    stop = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda _signum, _frame: stop.set())
    name = f"{socket.gethostname()}-{secrets.token_hex(3)}"
    watchdog = Watchdog()

    def stopping() -> bool:
        watchdog.feed()  # Who asks this, before each mail and each batch, gets on with the work.
        return stop.is_set()

    runtime = Runtime(settings, load_later(settings), name=name, stopping=stopping)
    scheduler = Scheduler(settings, runtime, name)
    watchdog.start()
    metrics.serve(settings)
    logger.info("scheduler ready")
    scheduler.run(stop)
    watchdog.close()
    scheduler.close()
    runtime.close()
