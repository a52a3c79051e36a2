"""The leases of this process on jobs, renewed by a thread while work on them continues.

Each batch takes a lease with its own name, which is the fence: a batch that finishes after its lease was lost finds no
job and records nothing. The deadline by this machine's monotonic clock says when to begin no more work. That clock also
advances while a process is suspended. Only the database's clock decides which lease is valid.
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
    """The lease of one batch on the jobs it claimed."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self._until = _end_of_lease(time.monotonic())

    def extend(self, since: float) -> None:
        """Extend the lease from `since`, a moment that is certainly before the database's.

        An expired lease stays expired, because another process may have claimed the jobs.
        """
        if self.holds():
            self._until = _end_of_lease(since)

    def holds(self) -> bool:
        """Return True while no other process can have claimed the jobs."""
        return time.monotonic() < self._until


class Leases:
    """The leases of one process. Their names begin with `name`, and `renewed` is called after each renewal."""

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
        """Take a lease for one batch. Claim jobs under its `owner`, and stop when it no longer holds."""
        lease = Lease(f"{self._name}{next(self._numbers)}")
        self._held[lease.owner] = lease
        try:
            yield lease
        finally:
            del self._held[lease.owner]

    def renew(self) -> None:
        """Renew the leases of all batches in progress."""
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
        """Stop renewing."""
        self._closed.set()
        self._thread.join(timeout=5)

    def _renew_in_time(self) -> None:
        while not self._closed.wait(RENEW_SECONDS):
            try:
                self.renew()
            except SQLAlchemyError as error:
                logger.warning("could not renew leases", why=str(error))


def _end_of_lease(since: float) -> float:
    return since + queue.LEASE.total_seconds()
