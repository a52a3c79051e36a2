"""Run the web server: granian, with as many processes and threads as the settings say.

granian answered about four times as many requests as gunicorn's threads on the same two cores, and it drains at
shutdown. Its own WSGI side takes a thread before a body has arrived, and confuses `X_Forwarded_For` with
`X-Forwarded-For`. Requests therefore come through its ASGI side, and `web.gateway` runs the application in granian's
threads, without an event loop.
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

# granian's stubs omit names that its own Python code uses.
_granian: Any = granian._granian

CONNECTIONS = 4096
"""The most connections that one process keeps open. Each needs a file descriptor."""

SPARE_THREADS = 2
"""Threads beside those that answer. They receive requests and answer health checks while all others are busy."""


def main(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Requests in progress are still answered."""
    os.register_at_fork(after_in_child=_end_by_signals)
    MPServer(
        # Each worker process loads the application. This process only supervises them.
        "web.app:gateway",
        factory=True,
        address=settings.web_host,
        port=settings.web_port,
        # granian allows more than one thread only for this interface. `_serve` decides which side is really used.
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
    """Run one worker process with the arguments that granian passes to each of its worker types."""
    # The arguments between these slices matter only to an event loop.
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
    """Replacement for the event loop that granian expects: runs each callback at once, in the calling thread."""

    def call_soon(self, do: Callable[..., Any], *given: Any, context: Any = None) -> None:
        """Call the function now."""
        del context
        do(*given)

    call_soon_threadsafe = call_soon


def _end_by_signals() -> None:
    """Restore the default signal handlers in a forked process.

    Until it serves, it has nothing to finish. With its parent's handlers it would ignore the stop signal and be killed
    seconds later.
    """
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_DFL)
