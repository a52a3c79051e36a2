"""Publishes job ids to the broker."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from amqp.exceptions import AMQPError
from kombu.exceptions import KombuError

from shared.jobs.celery_app import QUEUES, celery_app, is_redis
from shared.jobs.kinds import PREVIOUS_NAMES, SPECS, Task
from shared.models import JobKind
from shared.observability import log
from shared.optional_imports import block_imports

# redis imports OpenTelemetry for its own metrics, which costs 2 MB per process.
with block_imports("opentelemetry"):
    from redis.exceptions import RedisError, ResponseError


logger = log.get(__name__)


IDS_PER_MESSAGE = 20
"""Small enough that a burst is spread over several workers, whose mail server may be slow."""


MESSAGES_PER_BACKLOG = 8
"""Maximum number of messages per task in one call. A larger backlog puts more ids into each message."""


REST_SECONDS = 3.0
"""Seconds without calls to a broker that failed. The jobs stay in the database meanwhile."""


class BrokerUnavailable(Exception):
    """The broker can't be reached, or didn't answer in time."""


def messages(jobs: Iterable[tuple[JobKind, str]]) -> Iterator[tuple[Task, list[str]]]:
    """Group the jobs by task and split each group into messages."""
    by_task: dict[Task, list[str]] = {}
    for kind, job_id in jobs:
        by_task.setdefault(SPECS[kind].task, []).append(job_id)
    for task, ids in by_task.items():
        size = max(IDS_PER_MESSAGE, -(-len(ids) // MESSAGES_PER_BACKLOG))
        for start in range(0, len(ids), size):
            yield task, ids[start : start + size]


class Publisher:
    """Publishes over one persistent connection with short timeouts. Every failure raises `BrokerUnavailable`.

    After a failure, every call fails immediately for `REST_SECONDS`.
    """

    def __init__(self, broker_url: str) -> None:
        self._app = celery_app(broker_url, patience=1.0)
        self._is_redis = is_redis(broker_url)
        self._connection: Any = None
        self._producer: Any = None
        self._rest_until = 0.0

    def publish(self, jobs: Iterable[tuple[JobKind, str]]) -> None:
        """Publish the ids of these jobs. Messages before an error are already sent."""
        for task, ids in messages(jobs):
            self.publish_task(task, ids)

    def publish_task(self, task: Task, *args: list[str]) -> None:
        """Publish one message for this task."""
        with self._errors_translated():
            self._connect()
            self._app.send_task(
                PREVIOUS_NAMES.get(task, task.name), args=args, queue=task.queue, producer=self._producer
            )

    def count_queued(self) -> int:
        """Number of messages that wait for workers.

        Raises `BrokerUnavailable` for a Redis that refuses writes too, because workers can't take messages from it.
        """
        with self._errors_translated():
            channel = self._connect().default_channel
            if not self._is_redis:
                return sum(channel.queue_declare(name, passive=True).message_count for name in QUEUES)
            with channel.client.pipeline(transaction=False) as pipeline:
                for name in QUEUES:
                    pipeline.llen(name)
                # The list doesn't exist, so this adds nothing. A replica or a full server refuses it but answers LLEN.
                pipeline.lpushx(f"{channel.global_keyprefix}usher.probe", "")
                return sum(map(int, pipeline.execute()[: len(QUEUES)]))

    def evicts_keys(self) -> bool:
        """Return True if a full broker would evict keys, and queues with them. False if it doesn't say."""
        with self._errors_translated():
            if not self._is_redis:
                return False
            client = self._connect().default_channel.client
            try:
                return str(client.config_get("maxmemory-policy").get("maxmemory-policy")) not in {"noeviction", "None"}
            except ResponseError:
                return False

    def close(self) -> None:
        """Close the connection to the broker."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(AMQPError, OSError):
                connection.release()

    def _connect(self) -> Any:
        if self._connection is None:
            self._connection = self._app.connection_for_write()
            self._producer = self._app.amqp.Producer(self._connection, auto_declare=False)
            if not self._is_redis:
                # RabbitMQ drops messages for a queue that doesn't exist. Redis creates the queue with its first
                # message.
                for queue in self._app.amqp.queues.values():
                    queue(self._connection.default_channel).declare()
        return self._connection

    @contextmanager
    def _errors_translated(self) -> Iterator[None]:
        if time.monotonic() < self._rest_until:
            raise BrokerUnavailable("It failed a moment ago.")
        try:
            yield
        except (KombuError, RedisError, AMQPError, OSError) as error:
            self.close()
            self._rest_until = time.monotonic() + REST_SECONDS
            logger.warning("broker unavailable", why=str(error))
            raise BrokerUnavailable(str(error)) from error
