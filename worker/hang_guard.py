"""Ends a process that hangs in one call, so that its supervisor restarts it.

Every call in this code has its own time limit. This is for a call without one, in a library or in the system.
"""

import os
import sys
import threading
import time
import traceback

from shared.observability import log

logger = log.get(__name__)

STUCK_SECONDS = 330.0
"""In seconds. Longer than the slowest step: one email that meets every timeout of the mail server."""

_LAST_WORDS_SECONDS = 5.0


class Watchdog:
    """Watches the thread that created it. That thread calls `feed` to show progress."""

    def __init__(self, limit: float = STUCK_SECONDS) -> None:
        self._limit = limit
        self._watched = threading.get_ident()
        self._closed = threading.Event()
        self.feed()

    def feed(self) -> None:
        """Restart the time limit."""
        self._fed_at = time.monotonic()

    def start(self) -> None:
        """Start to watch in a thread."""
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def close(self) -> None:
        """Stop watching."""
        self._closed.set()

    def _run(self) -> None:
        while not self._closed.wait(min(1.0, self._limit / 4)):
            if time.monotonic() - self._fed_at > self._limit:
                self._end()

    def _end(self) -> None:
        # The process may even hang in the log.
        threading.Timer(_LAST_WORDS_SECONDS, os._exit, [1]).start()
        where = traceback.format_stack(sys._current_frames().get(self._watched))
        logger.critical("this process hangs in one call, exiting", seconds=self._limit, where="".join(where[-8:]))
        os._exit(1)
