"""The resources of one worker process, created after the fork because processes can't share them."""

import os
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from sqlalchemy.orm import Session

from shared.db.connection import WORKER
from shared.db.engine import UNAVAILABLE, open_engine
from shared.db.transaction import session_factory, transaction
from shared.jobs import queue
from shared.jobs.notifier import Notifier
from shared.mail.smtp_route import route_of
from shared.observability import log, tracing
from shared.policy_context import PolicyContext
from shared.settings.settings import Settings
from worker.leases import Lease, Leases
from worker.lookups.pool import LookupPool
from worker.mail.greeting_wait import patience
from worker.mail.rendering import Renderer
from worker.mail.smtp import SmtpClient
from worker.sent_journal import SentJournal, folder_of

logger = log.get(__name__)
T = TypeVar("T")

_PAUSE_SECONDS = 0.5


class WorkerContext:
    """Database sessions, policy, templates, mail server, lookups, leases and journal of one process.

    `stopping` returns True when no new work should begin. `pulse` is called whenever jobs are claimed or leases
    renewed.
    """

    def __init__(
        self,
        settings: Settings,
        policy: PolicyContext,
        *,
        name: str,
        stopping: Callable[[], bool],
        pulse: Callable[[], None] = lambda: None,
    ) -> None:
        self.settings = settings
        self.policy = policy
        self.stopping = stopping
        self.pulse = pulse
        # One connection for the work, one for the thread that renews the leases.
        self._engine = open_engine(settings.database_url, pool_size=2, limits=WORKER)
        self.sessions = session_factory(self._engine)
        self._autocommit_sessions = session_factory(self._engine.execution_options(isolation_level="AUTOCOMMIT"))
        self.renderer = Renderer(settings)
        self.smtp_client = SmtpClient(route_of(settings), patience=partial(patience, folder_of(settings)))
        self.lookups = LookupPool(settings)
        owners = f"{name}/{os.getpid()}/"
        self.sent_journal = SentJournal(folder_of(settings), owners)
        self.leases = Leases(self.sessions, owners, renewed=pulse)
        self._notifier = Notifier(settings.broker_url)
        tracing.configure(settings.otlp_endpoint, "worker")

    def record(self, lease: Lease, effect: Callable[[Session], T], *, autocommit: bool = False) -> T:
        """Commit an effect that already happened outside, and retry while the database is unavailable.

        The effect has to lock its jobs by their lease first. If an earlier commit succeeded and its answer was lost, or
        if another process has claimed the jobs meanwhile, it then finds none. Raises one of `UNAVAILABLE` only if this
        process is stopping and the lease has expired.
        """
        while True:
            try:
                return self.commit(effect, autocommit=autocommit)
            except UNAVAILABLE as error:
                if self.stopping() and not lease.holds():
                    raise
                logger.warning("database unavailable, retrying", why=str(error.__cause__ or error))
                time.sleep(_PAUSE_SECONDS)

    def commit(self, effect: Callable[[Session], T], *, autocommit: bool = False) -> T:
        """Run an effect in one transaction, then notify the workers of the jobs it enqueued.

        With `autocommit` an effect of a single statement needs no BEGIN and COMMIT, which saves two of three round
        trips.
        """
        with transaction(self._autocommit_sessions if autocommit else self.sessions, self._notify_enqueued) as session:
            return effect(session)

    def close(self) -> None:
        """Close all resources. Other processes can take over jobs that were claimed and not finished."""
        tracing.close()
        self.leases.close()
        self.smtp_client.close()
        self.lookups.close()
        self.sent_journal.close()
        self._engine.dispose()

    def _notify_enqueued(self, session: Session) -> None:
        self._notifier.notify(queue.take_enqueued(session))
