"""The Celery app for web and workers. The scheme of the broker URL selects Redis or RabbitMQ."""

from typing import Any

from celery import Celery

from shared.keepalive import tcp_options

QUEUES = ("checks", "mail", "chores")

VISIBILITY_SECONDS = 300
"""Seconds after which the broker redelivers an unacknowledged message to another worker."""


_TCP = tcp_options(idle=5, interval=2, count=3)
"""TCP keepalive options. A worker waits for messages without a timeout, so only TCP can detect a dead broker."""


def celery_app(broker_url: str, *, patience: float) -> Celery:
    """A Celery app with JSON messages and our queues only. `patience` is the connection timeout in seconds."""
    app = Celery("usher", broker=broker_url, set_as_current=False)
    app.conf.update(
        task_queues={name: {"routing_key": name} for name in QUEUES},
        task_create_missing_queues=False,
        task_default_queue=QUEUES[0],
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        # The scheduler dispatches the job again anyway. A retry here would only delay the messages behind it.
        task_publish_retry=False,
        broker_connection_timeout=patience,
        broker_pool_limit=2,
        visibility_timeout=VISIBILITY_SECONDS,
        broker_transport_options=_redis(patience) if is_redis(broker_url) else _rabbitmq(patience),
    )
    return app


def is_redis(broker_url: str) -> bool:
    """Return True for a broker that speaks the Redis protocol, False for RabbitMQ."""
    return not broker_url.startswith("amqp")


def _redis(patience: float) -> dict[str, Any]:
    return {
        "visibility_timeout": VISIBILITY_SECONDS,
        "socket_connect_timeout": patience,
        # Longer than the one second that a worker's BRPOP blocks.
        "socket_timeout": patience * 2,
        "socket_keepalive": True,
        "socket_keepalive_options": _TCP,
        "health_check_interval": 25,
        "retry_on_timeout": False,
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
    }


def _rabbitmq(patience: float) -> dict[str, Any]:
    return {
        "connect_timeout": patience,
        "read_timeout": patience * 2,
        "write_timeout": patience * 2,
        "socket_settings": _TCP,
        # Without a confirm, a message that the server never accepted would count as published.
        "confirm_publish": True,
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0,
    }
