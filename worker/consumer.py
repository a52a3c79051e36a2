"""Celery's consumer, with a rest after a broker that answers and refuses: a replica, or one that is full.

Such a broker takes the connection at once, so without a rest the consumer would connect and fail hundreds of times a
second, each with a line in the log.
"""

import time

from celery.worker.consumer import Consumer

REST_SECONDS = 1.0


class PatientConsumer(Consumer):  # type: ignore[misc]
    """Connects again after a refusal, once a second."""

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Let go of the connection."""
        super().on_connection_error_after_connected(exc)
        self._rest(exc)

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """Say that there is no connection."""
        super().on_connection_error_before_connected(exc)
        self._rest(exc)

    def _rest(self, exc: Exception) -> None:
        if isinstance(exc, self.channel_errors):
            time.sleep(REST_SECONDS)
