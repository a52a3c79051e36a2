"""What one working process holds, made after the fork: nothing in it may be shared between processes."""

import os
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from sqlalchemy.orm import Session

from shared import log, tracing
from shared.broker import Nudger
from shared.config import Settings
from shared.connection import WORKER
from shared.db import AWAY, open_engine, session_factory, transaction
from shared.services import jobs
from shared.services.rules import Rules
from shared.smtp_route import route_of
from worker.journal import Journal, folder_of
from worker.leases import Lease, Leases
from worker.lookups.desk import Desk
from worker.mail.patience import patience
from worker.mail.rendering import Writer
from worker.mail.smtp import Mailer

logger = log.get(__name__)
T = TypeVar("T")

_PAUSE_SECONDS = 0.5


class Runtime:
    """Sessions, rules, templates, mail server, lookups, leases, journal.

    `stopping` says when to begin nothing new; `pulse` is called whenever work is taken or held.
    """

    def __init__(
        self,
        settings: Settings,
        rules: Rules,
        *,
        name: str,
        stopping: Callable[[], bool],
        pulse: Callable[[], None] = lambda: None,
    ) -> None:
        self.settings = settings
        self.rules = rules
        self.stopping = stopping
        self.pulse = pulse
        # One connection to work with, one for the thread that renews the leases.
        self._engine = open_engine(settings.database_url, pool_size=2, limits=WORKER)
        self.sessions = session_factory(self._engine)
        self._alone = session_factory(self._engine.execution_options(isolation_level="AUTOCOMMIT"))
        self.writer = Writer(settings)
        self.mailer = Mailer(route_of(settings), patience=partial(patience, folder_of(settings)))
        self.desk = Desk(settings)
        owners = f"{name}/{os.getpid()}/"
        self.journal = Journal(folder_of(settings), owners)
        self.leases = Leases(self.sessions, owners, renewed=pulse)
        self._nudger = Nudger(settings.broker_url)
        tracing.configure(settings.otlp_endpoint, "worker")

    def record(self, lease: Lease, effect: Callable[[Session], T], *, alone: bool = False) -> T:
        """Commit an effect that has already happened outside, once more for as long as the database is away.

        The effect has to ask `jobs.held` first: where a commit went through and its answer was lost, it finds nothing,
        and nothing for jobs that another process has claimed meanwhile. Raises one of `AWAY` only once this process is
        stopping and the lease has run out.
        """
        while True:
            try:
                return self.commit(effect, alone=alone)
            except AWAY as trouble:
                if self.stopping() and not lease.holds():
                    raise
                logger.warning("database away, trying again", why=str(trouble.__cause__ or trouble))
                time.sleep(_PAUSE_SECONDS)

    def commit(self, effect: Callable[[Session], T], *, alone: bool = False) -> T:
        """One transaction, and a ring for what it promised.

        An effect that is one statement `alone` is a transaction without being begun and committed, which spares it two
        of three round trips.
        """
        with transaction(self._alone if alone else self.sessions, self._ring_for_promised) as session:
            return effect(session)

    def close(self) -> None:
        """Let go of everything; what was claimed and not finished is somebody else's now."""
        tracing.close()
        self.leases.close()
        self.mailer.close()
        self.desk.close()
        self.journal.close()
        self._engine.dispose()

    def _ring_for_promised(self, session: Session) -> None:
        self._nudger.nudge(jobs.promised(session))
