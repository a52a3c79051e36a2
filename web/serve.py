"""Runs the web server: granian, as many processes and threads as the settings say.

granian answered some four times as many requests as gunicorn's threads on the same two cores, and drains at a stop. Its
own way to WSGI takes a thread before a body is there, and takes `X_Forwarded_For` for `X-Forwarded-For`; so it hands
requests over by its ASGI side, and `web.gateway` runs the application in granian's threads, without an event loop.
"""

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import granian._granian
from granian.constants import HTTPModes, Interfaces, RuntimeModes
from granian.server.common import WORKERS_METHODS
from granian.server.mp import MPServer, WorkerProcess

from shared.settings.settings import Settings
from web.gateway import Gateway

# Its stubs tell less than granian's own Python uses.
_granian: Any = granian._granian

CONNECTIONS = 4096
"""How many connections one process keeps open; each needs a file descriptor."""

SPARE_THREADS = 2
"""Threads beside those that answer: they take requests in, and say that we live, while all others are busy."""


def main(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; what is being answered then is still answered."""
    os.register_at_fork(after_in_child=_end_by_signals)
    MPServer(
        # Loaded by each of its processes; this one only keeps them running.
        "web.app:gateway",
        factory=True,
        address=settings.web_host,
        port=settings.web_port,
        # By this name granian allows more than one thread; which of its sides is used, `_serve` decides.
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        workers=settings.web_processes,
        blocking_threads=settings.web_threads + SPARE_THREADS,
        backpressure=CONNECTIONS,
        log_access=False,
        respawn_failed_workers=True,
        workers_kill_timeout=8,
        websockets=False,
    ).serve(spawn_target=_serve)


@WorkerProcess.wrap_target  # type: ignore[untyped-decorator]
def _serve(worker_id: int, gateway: Gateway, sock: Any, ipc: Any, _loop: Any, mode: RuntimeModes, *more: Any) -> None:
    """What one process does, given what granian gives to each kind of its own."""
    # Between them stands what only an event loop needs to know.
    threads, http, (ssl, _, metrics) = more[:5], more[6:11], more[12:]
    stop, ended = _granian.WorkerSignal(), threading.Event()
    stop.add_cb(ended.set)

    def end(*_: object) -> None:
        gateway.stop()
        stop.set()

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, end)
    worker = _granian.ASGIWorker(worker_id, sock, ipc, *threads, *http, *ssl, metrics)
    here = _Here()
    scheduler = _granian.CallbackScheduler(here, None, None, None, None)
    scheduler._schedule_fn = gateway.take
    getattr(worker, WORKERS_METHODS[mode][False])(scheduler, here, stop)
    ended.wait()


class _Here:
    """Stands where granian expects an event loop: what is ready is done at once, in the thread that found it so."""

    def call_soon(self, do: Callable[..., Any], *given: Any, context: Any = None) -> None:
        """Do it now."""
        del context
        do(*given)

    call_soon_threadsafe = call_soon


def _end_by_signals() -> None:
    """Until a forked process serves, it has nothing to finish. Its parent's handlers, which it begins with, would only
    have it overlook that it is to stop, and be killed for that seconds later."""
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_DFL)
