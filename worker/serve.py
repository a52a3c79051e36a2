"""Runs one worker in the foreground: a Celery parent and its processes.

SIGTERM or Ctrl-C stop it within seconds. Each process finishes its current email, records what was sent and releases
the other jobs. A process that can't, because its mail server keeps it waiting, is killed after a while, and its jobs
are released for it.
"""

import gc
import logging
import mmap
import os
import secrets
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cache

from billiard import active_children
from celery import Celery, signals
from celery.exceptions import SecurityWarning
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, configure_mappers

from shared.db.connection import WORKER
from shared.db.engine import UNAVAILABLE, open_engine
from shared.db.transaction import session_factory, transaction
from shared.jobs import heartbeats, queue
from shared.mail.smtp_route import route_of
from shared.observability import log
from shared.policy_context import load
from shared.settings.settings import Settings
from worker import metrics
from worker.celery_app import make_app
from worker.context import WorkerContext
from worker.mail.rendering import Renderer
from worker.sent_journal import folder_of
from worker.tasks.crash_recovery import recover
from worker.watchdog import Pulse, Watchdog

logger = log.get(__name__)

PATIENCE_SECONDS = 8.0
"""Seconds that a stopping worker waits for its processes."""


class StopFlag:
    """A flag shared by the parent and all processes forked from it."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 1)

    def up(self) -> None:
        """Tell all processes to begin no new work."""
        self._memory[0] = 1

    def is_up(self) -> bool:
        """Return True once the flag is up."""
        return self._memory[0] == 1


def main(settings: Settings) -> None:
    """Run until SIGTERM. Survives outages of the database, broker and mail server."""
    name, policy = f"{socket.gethostname()}-{secrets.token_hex(3)}", load(settings)
    _preload(settings)
    stop, pulse = StopFlag(), Pulse()
    context = cache(lambda: WorkerContext(settings, policy, name=name, stopping=stop.is_up, pulse=pulse.beat))
    watch = Watchdog(settings, name, pulse, end_stuck=lambda: _kill_remaining(settings, name, code=1))

    def begin_process(**_: object) -> None:
        # A SIGTERM to the whole process group means the same as one to the parent.
        signal.signal(signal.SIGTERM, lambda _signum, _frame: stop.up())
        with suppress(*UNAVAILABLE):  # The next batch recovers again.
            recover(context().sent_journal.folder, context().commit)

    def end_process(**_: object) -> None:
        context().close()

    def shut_down(**_: object) -> None:
        stop.up()
        timer = threading.Timer(PATIENCE_SECONDS, _kill_remaining, (settings, name), {"code": 0})
        timer.daemon = True
        timer.start()

    signals.worker_process_init.connect(begin_process, weak=False)
    signals.worker_process_shutdown.connect(end_process, weak=False)
    signals.worker_shutting_down.connect(shut_down, weak=False)
    metrics.serve(settings)
    watch.start()
    code = _run(make_app(settings, context), name, settings.log_level)
    watch.close()
    _put_back(settings, name)
    sys.exit(code)


def _preload(settings: Settings) -> None:
    """Create shared objects before the fork instead of in each process: 10 MB of templates, certificates and tables.

    This process then reports a bad SMTP_URL once, instead of each of its children.
    """
    route_of(settings)
    Renderer(settings)
    open_engine(settings.database_url).dispose()
    configure_mappers()
    gc.freeze()


def _run(app: Celery, name: str, log_level: str) -> int:
    # Celery warns about root because pickled messages can run code. Ours are JSON, and containers run as root.
    warnings.simplefilter("ignore", SecurityWarning)
    for chatty in ("celery.worker.strategy", "celery.app.trace"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    worker = app.Worker(
        hostname=f"usher@{name}",
        pool="prefork",
        without_gossip=True,
        without_mingle=True,
        quiet=True,
        loglevel=log_level,
    )
    worker.start()
    return int(worker.exitcode or 0)


def _kill_remaining(settings: Settings, name: str, *, code: int) -> None:
    """Kill the processes that don't stop by themselves, then exit."""
    for process in active_children():
        logger.warning("a process doesn't stop, killing it", pid=process.pid)
        os.kill(process.pid, signal.SIGKILL)
        process.join(1)
    _put_back(settings, name)
    os._exit(code)


def _put_back(settings: Settings, name: str) -> None:
    """Release the jobs that killed processes of this worker still hold, and end its heartbeat."""
    engine = open_engine(settings.database_url, pool_size=1, limits=WORKER)
    sessions = session_factory(engine)

    def commit(effect: Callable[[Session], None]) -> None:
        with transaction(sessions) as session:
            effect(session)

    try:
        recover(folder_of(settings), commit)
        with transaction(sessions) as session:
            queue.release_all(session, owners=f"{name}/")
            heartbeats.end(session, name)
    except SQLAlchemyError as error:
        logger.warning("could not release leases; they will expire", why=str(error.__cause__ or error))
    finally:
        engine.dispose()
