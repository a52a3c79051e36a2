"""A circuit breaker: after a call that failed slowly, later calls fail at once until one of them gets through.

A server that refuses costs nothing to ask again. One that says nothing costs every caller its whole time limit, one
after the other, and holds a thread for each of them meanwhile.
"""

import threading
import time

SLOW_SECONDS = 1.0
"""A failure that took longer than this opens the circuit."""

REST_SECONDS = 1.0
"""How long an open circuit lets nobody through; then one caller at a time tries."""

TRIAL_SECONDS = 10.0
"""How long that one may take before another caller tries as well."""


class CircuitBreaker:
    """Whether calls to one server are let through; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = False
        self._next_trial_at = 0.0
        self.opened_at = 0.0
        """When it last opened, on the monotonic clock."""

    def admits(self) -> bool:
        """Whether this caller may try now; one that may has to report `succeeded` or `failed`."""
        if not self._open:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._next_trial_at:
                return False
            self._next_trial_at = now + TRIAL_SECONDS
            return True

    def succeeded(self) -> None:
        """Close the circuit: the server answers."""
        self._open = False

    def failed(self, *, since: float) -> None:
        """Open the circuit if the failed call, begun at `since` on the monotonic clock, was a slow one."""
        now = time.monotonic()
        with self._lock:
            self._open = now - since >= SLOW_SECONDS
            if self._open:
                self.opened_at, self._next_trial_at = now, now + REST_SECONDS
