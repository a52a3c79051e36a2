"""What one working process holds, made after the fork: nothing in it may be shared between processes."""

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
    """Sessions, rules, templates, mail server, lookups, leases, journal.

    `stopping` says when to begin nothing new; `pulse` is called whenever work is taken or held.
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
        # One connection to work with, one for the thread that renews the leases.
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
        """Commit an effect that has already happened outside, once more for as long as the database is away.

        The effect has to ask `jobs.held` first: where a commit went through and its answer was lost, it finds nothing,
        and nothing for jobs that another process has claimed meanwhile. Raises one of `UNAVAILABLE` only once this
        process is
        stopping and the lease has run out.
        """
        while True:
            try:
                return self.commit(effect, autocommit=autocommit)
            except UNAVAILABLE as error:
                if self.stopping() and not lease.holds():
                    raise
                logger.warning("database away, trying again", why=str(error.__cause__ or error))
                time.sleep(_PAUSE_SECONDS)

    def commit(self, effect: Callable[[Session], T], *, autocommit: bool = False) -> T:
        """One transaction, and a ring for what it promised.

        An effect that is one statement `autocommit` is a transaction without being begun and committed, which spares
        it two
        of three round trips.
        """
        with transaction(self._autocommit_sessions if autocommit else self.sessions, self._notify_enqueued) as session:
            return effect(session)

    def close(self) -> None:
        """Let go of everything; what was claimed and not finished is somebody else's now."""
        tracing.close()
        self.leases.close()
        self.smtp_client.close()
        self.lookups.close()
        self.sent_journal.close()
        self._engine.dispose()

    def _notify_enqueued(self, session: Session) -> None:
        self._notifier.notify(queue.take_enqueued(session))
