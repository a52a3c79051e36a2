"""The Celery app that everybody speaks to the broker through: over Redis' protocol or RabbitMQ's, by setting alone."""

from typing import Any

from celery import Celery

from shared.keepalive import tcp_options

QUEUES = ("checks", "mail", "chores")

VISIBILITY_SECONDS = 300
"""How long the broker waits before it hands a message that nobody acknowledged to another worker."""


_TCP = tcp_options(idle=5, interval=2, count=3)
"""A worker waits for messages without a time limit of its own; a broker that vanished has to be noticed by TCP."""


def celery_app(broker_url: str, *, patience: float) -> Celery:
    """A Celery app that speaks JSON through our queues; `patience` is how many seconds it waits for a connection."""
    app = Celery("usher", broker=broker_url, set_as_current=False)
    app.conf.update(
        task_queues={name: {"routing_key": name} for name in QUEUES},
        task_create_missing_queues=False,
        task_default_queue=QUEUES[0],
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        # The relay rings again; a publisher that tries again by itself only holds up those behind it.
        task_publish_retry=False,
        broker_connection_timeout=patience,
        broker_pool_limit=2,
        visibility_timeout=VISIBILITY_SECONDS,
        broker_transport_options=_redis(patience) if is_redis(broker_url) else _rabbitmq(patience),
    )
    return app


def is_redis(broker_url: str) -> bool:
    """Whether the broker speaks Redis' protocol; else it is RabbitMQ."""
    return not broker_url.startswith("amqp")


def _redis(patience: float) -> dict[str, Any]:
    return {
        "visibility_timeout": VISIBILITY_SECONDS,
        "socket_connect_timeout": patience,
        # Longer than the second for which a worker's BRPOP waits.
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
        # A message that the server has not taken is no ring.
        "confirm_publish": True,
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0,
    }
