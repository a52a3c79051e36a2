"""Ends a process that hangs in one call, so that its supervisor starts it anew.

Every call here has a time limit of its own. This is for the one that hasn't, in a library or in the system.
"""

import os
import sys
import threading
import time
import traceback

from shared.observability import log

logger = log.get(__name__)

STUCK_SECONDS = 330.0
"""Longer than the slowest single step: one mail that meets every time limit of the mail server."""

_LAST_WORDS_SECONDS = 5.0


class Watchdog:
    """Watches the thread that made it; `feed` says that it gets on."""

    def __init__(self, limit: float = STUCK_SECONDS) -> None:
        self._limit = limit
        self._watched = threading.get_ident()
        self._closed = threading.Event()
        self.feed()

    def feed(self) -> None:
        """Count from now."""
        self._fed_at = time.monotonic()

    def start(self) -> None:
        """Begin to watch, from a thread of its own."""
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def close(self) -> None:
        """Watch no more."""
        self._closed.set()

    def _run(self) -> None:
        while not self._closed.wait(min(1.0, self._limit / 4)):
            if time.monotonic() - self._fed_at > self._limit:
                self._end()

    def _end(self) -> None:
        # Even the log may be what it hangs in.
        threading.Timer(_LAST_WORDS_SECONDS, os._exit, [1]).start()
        where = traceback.format_stack(sys._current_frames().get(self._watched))
        logger.critical("this process hangs in one call, ending it", seconds=self._limit, where="".join(where[-8:]))
        os._exit(1)
