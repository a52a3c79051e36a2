"""Runs the web server: granian, as many processes and threads as the settings say.

granian answered some four times as many requests as gunicorn's threads on the same two cores, and drains at a stop.
"""

import os
import signal

from granian import Granian
from granian.constants import Interfaces

from shared.config import Settings


def main(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; what is being answered then is still answered."""
    os.register_at_fork(after_in_child=_end_by_signals)
    Granian(
        # Loaded by each of its processes; this one only keeps them running.
        "web.app:application",
        factory=True,
        address=settings.web_host,
        port=settings.web_port,
        interface=Interfaces.WSGI,
        workers=settings.web_processes,
        blocking_threads=settings.web_threads,
        log_access=False,
        respawn_failed_workers=True,
        workers_kill_timeout=8,
        websockets=False,
    ).serve()


def _end_by_signals() -> None:
    """Until a forked process serves, it has nothing to finish. Its parent's handlers, which it begins with, would only
    have it overlook that it is to stop, and be killed for that seconds later."""
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_DFL)
