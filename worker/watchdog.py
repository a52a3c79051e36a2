"""Watches over one worker from its parent: says that it lives, and ends it when it has gone deaf.

A worker can look alive and take nothing any more: its connection to the broker half open, or its processes killed and
not replaced (celery 8030, 2011). What counts is whether work is done: where a job has been due and rung for all the
time, and none of our processes has taken anything, only a fresh start helps, and whoever runs us gives us that.
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
    """When any process of this worker last took or held work, seen by all that are forked from the one that made it."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 8)
        self.beat()

    def beat(self) -> None:
        """Say that something is being done at this moment."""
        struct.pack_into("d", self._memory, 0, time.monotonic())

    def silent_for(self) -> timedelta:
        """How long nothing has been done."""
        moment: float = struct.unpack_from("d", self._memory, 0)[0]
        return timedelta(seconds=time.monotonic() - moment)


class Watchdog:
    """A thread that looks every few seconds; `end_stuck` ends the worker."""

    def __init__(self, settings: Settings, name: str, pulse: Pulse, end_stuck: Callable[[], None]) -> None:
        self._settings = settings
        self._name = name
        self._pulse = pulse
        self._end_stuck = end_stuck
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def close(self) -> None:
        """Watch no more."""
        self._closed.set()
        self._thread.join(timeout=5)

    def check(self) -> bool:
        """Say that we live; true where we don't hear what is rung for."""
        # A connection of this moment only: what the parent held open, its next child would inherit.
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
                    logger.error("this worker hears nothing any more, ending it")
                    self._end_stuck()
            except SQLAlchemyError as error:
                self._pulse.beat()  # Without a database nobody can take anything: that is no deafness.
                logger.warning("no sign of life given", why=str(error.__cause__ or error))
            if self._closed.wait(heartbeats.EVERY.total_seconds()):
                return

    def _broker_answers(self) -> bool:
        with closing(Publisher(self._settings.broker_url)) as publisher:
            try:
                publisher.count_queued()
            except BrokerUnavailable:
                return False
        return True
