"""What this process holds: leases on jobs, renewed by a thread for as long as somebody works under them.

Each round of work takes a lease of its own name, which is the fence: whatever finishes after its lease was lost finds
no job any more and records nothing. The deadline by this machine's monotonic clock, which runs on while a process is
stopped, says when to stop beginning new work; the database's clock alone decides who holds what.
"""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from shared.db.transaction import transaction
from shared.jobs import queue
from shared.observability import log

logger = log.get(__name__)

RENEW_SECONDS = queue.LEASE.total_seconds() / 3


class Lease:
    """One round's hold on the jobs it has claimed."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self._until = _end_of_lease(time.monotonic())

    def extend(self, since: float) -> None:
        """Count from a moment that certainly lies before the database's.

        A lease that has run out stays so: another process may hold the jobs by now.
        """
        if self.holds():
            self._until = _end_of_lease(since)

    def holds(self) -> bool:
        """Whether nobody else can have taken the jobs yet."""
        return time.monotonic() < self._until


class Leases:
    """The leases of one process; `name` begins the name of each, `renewed` is called when some were."""

    def __init__(self, sessions: Callable[[], Session], name: str, renewed: Callable[[], None] = lambda: None) -> None:
        self._sessions = sessions
        self._name = name
        self._renewed = renewed
        self._numbers = itertools.count(1)
        self._held: dict[str, Lease] = {}
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._renew_in_time, name="leases", daemon=True)
        self._thread.start()

    @contextmanager
    def take(self) -> Iterator[Lease]:
        """A lease for one round of work; claim under its owner, and stop when it no longer holds."""
        lease = Lease(f"{self._name}{next(self._numbers)}")
        self._held[lease.owner] = lease
        try:
            yield lease
        finally:
            del self._held[lease.owner]

    def renew(self) -> None:
        """Hold on to all that is being worked on for another span."""
        held = dict(self._held)
        if not held:
            return
        now = time.monotonic()
        with transaction(self._sessions) as session:
            queue.renew(session, owners=held)
        for lease in held.values():
            lease.extend(now)
        self._renewed()

    def close(self) -> None:
        """Renew nothing any more."""
        self._closed.set()
        self._thread.join(timeout=5)

    def _renew_in_time(self) -> None:
        while not self._closed.wait(RENEW_SECONDS):
            try:
                self.renew()
            except SQLAlchemyError as error:
                logger.warning("leases not renewed", why=str(error))


def _end_of_lease(since: float) -> float:
    return since + queue.LEASE.total_seconds()
