"""Watches one worker from its parent: records heartbeats, and ends the worker when it no longer receives messages.

A worker can seem alive and take no more jobs, because its connection to the broker is half open, or its processes were
killed and not replaced (celery 8030, 2011). The test is progress: if a job stayed due and dispatched all the time and
no process claimed anything, only a restart by the supervisor helps.
"""

import mmap
import struct
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from shared.db.connection import WORKER
from shared.db.engine import open_engine
from shared.db.transaction import session_factory, transaction
from shared.jobs import heartbeats
from shared.jobs.publisher import BrokerUnavailable, Publisher
from shared.models import Part
from shared.observability import log
from shared.operations import job_admin
from shared.settings.settings import Settings

logger = log.get(__name__)

STUCK_AFTER = timedelta(seconds=60)


class Pulse:
    """The last time any process of this worker claimed or renewed jobs, shared with all forked processes."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 8)
        self.beat()

    def beat(self) -> None:
        """Record that work happens now."""
        struct.pack_into("d", self._memory, 0, time.monotonic())

    def silent_for(self) -> timedelta:
        """The time since the last beat."""
        moment: float = struct.unpack_from("d", self._memory, 0)[0]
        return timedelta(seconds=time.monotonic() - moment)


class Watchdog:
    """A thread that checks every few seconds. `end_stuck` ends the worker."""

    def __init__(self, settings: Settings, name: str, pulse: Pulse, end_stuck: Callable[[], None]) -> None:
        self._settings = settings
        self._name = name
        self._pulse = pulse
        self._end_stuck = end_stuck
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Start to watch."""
        self._thread.start()

    def close(self) -> None:
        """Stop watching."""
        self._closed.set()
        self._thread.join(timeout=5)

    def check(self) -> bool:
        """Record a heartbeat. Return True if this worker no longer receives messages."""
        # The connection is closed at once, because the next child would inherit an open one.
        engine = open_engine(self._settings.database_url, pool_size=1, limits=WORKER)
        try:
            with transaction(session_factory(engine)) as session:
                heartbeats.record(session, self._name, Part.WORKER, processes=self._settings.worker_processes)
                silent = self._pulse.silent_for() > STUCK_AFTER
                return silent and job_admin.has_unclaimed_jobs(session, after=STUCK_AFTER) and self._broker_answers()
        finally:
            engine.dispose()

    def _run(self) -> None:
        while True:
            try:
                if self.check():
                    logger.error("this worker receives no messages, ending it")
                    self._end_stuck()
            except SQLAlchemyError as error:
                self._pulse.beat()  # Without a database no process can claim jobs, so the silence means nothing.
                logger.warning("could not record a heartbeat", why=str(error.__cause__ or error))
            if self._closed.wait(heartbeats.EVERY.total_seconds()):
                return

    def _broker_answers(self) -> bool:
        with closing(Publisher(self._settings.broker_url)) as publisher:
            try:
                publisher.count_queued()
            except BrokerUnavailable:
                return False
        return True
