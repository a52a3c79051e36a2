"""A Celery consumer that pauses after a broker answers and refuses: a replica, or one that is full.

Such a broker accepts the connection at once. Without a pause the consumer would connect and fail hundreds of times a
second, each time with a line in the log.
"""

import time

from celery.worker.consumer import Consumer

REST_SECONDS = 1.0


class PatientConsumer(Consumer):  # type: ignore[misc]
    """Reconnects at most once a second after a refusal."""

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Close the connection, then pause if the broker refused."""
        super().on_connection_error_after_connected(exc)
        self._rest(exc)

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """Log that there is no connection, then pause if the broker refused."""
        super().on_connection_error_before_connected(exc)
        self._rest(exc)

    def _rest(self, exc: Exception) -> None:
        if isinstance(exc, self.channel_errors):
            time.sleep(REST_SECONDS)
