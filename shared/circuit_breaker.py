"""A circuit breaker: after a call that failed slowly, later calls fail at once until one of them succeeds.

Retrying a server that refuses costs nothing. A server that stays silent costs each caller its whole timeout, one after
another, and blocks a thread for that long.
"""

import threading
import time

SLOW_SECONDS = 1.0
"""Failures that took at least this many seconds open the circuit."""

REST_SECONDS = 1.0
"""Seconds during which an open circuit rejects every call. After that, one caller at a time tries."""

TRIAL_SECONDS = 10.0
"""Seconds that a trial call may take before another caller tries as well."""


class CircuitBreaker:
    """Circuit breaker for one server. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = False
        self._next_trial_at = 0.0
        self.opened_at = 0.0
        """When the circuit last opened, in seconds of the monotonic clock."""

    def admits(self) -> bool:
        """Return True if the caller may try now. It then has to report `succeeded` or `failed`."""
        if not self._open:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._next_trial_at:
                return False
            self._next_trial_at = now + TRIAL_SECONDS
            return True

    def succeeded(self) -> None:
        """Close the circuit, because the server answers."""
        self._open = False

    def failed(self, *, since: float) -> None:
        """Open the circuit if the failed call, begun at `since` on the monotonic clock, was slow. Else close it."""
        now = time.monotonic()
        with self._lock:
            self._open = now - since >= SLOW_SECONDS
            if self._open:
                self.opened_at, self._next_trial_at = now, now + REST_SECONDS
