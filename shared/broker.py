"""Rings for jobs: which task does which kind, and two ways to publish their ids.

A message carries ids of jobs and nothing else, many to a message, because a message costs more than a job. It is only
a doorbell: the row is the truth, so a ring that is lost, late or doubled costs seconds at most, and nobody waits for
the broker. The scheduler's publisher says when the broker is away; the nudger, which sits behind requests, never does.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from amqp.exceptions import AMQPError
from kombu.exceptions import KombuError

from shared import log
from shared.broker_app import QUEUES, celery_app, is_redis
from shared.lean import without
from shared.models import JobKind

# It would load OpenTelemetry to measure itself: 2 MB in each process.
with without("opentelemetry"):
    from redis.exceptions import RedisError, ResponseError

logger = log.get(__name__)

IDS_PER_MESSAGE = 20
"""So few that a burst is spread over the workers, whose mail server may take its time."""

MESSAGES_PER_BACKLOG = 8
"""Of more, this many messages a task are made, so that a long backlog costs few of them."""

REST_SECONDS = 3.0
"""How long a broker that failed is left alone; the database holds what it would have been told."""

MAX_NUDGES = 10_000
"""Nudges that may wait for a slow broker; beyond them, the oldest are left to the relay."""

ENOUGH_WAITING = 20
"""With this many messages unread a nudge would only jump the queue."""

NUDGE_EVERY = 0.02
"""How many seconds lie between two nudges at the least: publishing takes the processor from requests."""

LULL_SECONDS = 1.0

MOST_RUNG = 400
"""How many jobs are nudged for at once; of more, the relay decides whose turn it is."""


class Task(NamedTuple):
    """A task's name and the queue that its messages wait in."""

    name: str
    queue: str


CHECK = Task("invitations.check", "checks")
MAIL = Task("letters.mail", "mail")
EXPIRE = Task("invitations.expire", "chores")
SWEEP = Task("rows.sweep", "chores")
FETCH = Task("lists.fetch", "chores")
SEAL = Task("audit.seal", "chores")

TASK_OF: dict[JobKind, Task] = {
    JobKind.INVITATION_CHECK: CHECK,
    JobKind.INVITATION_MAIL: MAIL,
    JobKind.VERIFICATION_MAIL: MAIL,
    JobKind.PASSWORD_RESET_MAIL: MAIL,
    JobKind.SIGNUP_NOTICE_MAIL: MAIL,
    JobKind.NEW_LINK_MAIL: MAIL,
}


class BrokerAway(Exception):
    """The broker can't be reached, or didn't answer in time."""


def messages(jobs: Iterable[tuple[JobKind, str]]) -> Iterator[tuple[Task, list[str]]]:
    """The jobs by task, so many ids together as one message carries."""
    by_task: dict[Task, list[str]] = {}
    for kind, job_id in jobs:
        by_task.setdefault(TASK_OF[kind], []).append(job_id)
    for task, ids in by_task.items():
        size = max(IDS_PER_MESSAGE, -(-len(ids) // MESSAGES_PER_BACKLOG))
        for start in range(0, len(ids), size):
            yield task, ids[start : start + size]


class Publisher:
    """Publishes over one kept connection, with short timeouts; every trouble is `BrokerAway`.

    After a trouble the broker is left alone for `REST_SECONDS`: until then every call fails at once.
    """

    def __init__(self, broker_url: str) -> None:
        self._app = celery_app(broker_url, patience=1.0)
        self._is_redis = is_redis(broker_url)
        self._connection: Any = None
        self._producer: Any = None
        self._rest_until = 0.0

    def ring(self, jobs: Iterable[tuple[JobKind, str]]) -> None:
        """Publish the ids of these jobs; those in front of an error are out."""
        for task, ids in messages(jobs):
            self.call(task, ids)

    def call(self, task: Task, *args: list[str]) -> None:
        """Publish one message for a task."""
        with self._trouble_named():
            self._connect()
            self._app.send_task(task.name, args=args, queue=task.queue, producer=self._producer)

    def waiting(self) -> int:
        """How many messages wait for workers, who can take them; a Redis that takes no writes lets nobody do that."""
        with self._trouble_named():
            channel = self._connect().default_channel
            if not self._is_redis:
                return sum(channel.queue_declare(name, passive=True).message_count for name in QUEUES)
            with channel.client.pipeline(transaction=False) as asked:
                for name in QUEUES:
                    asked.llen(name)
                # Adds nothing, for there is no such list. A replica and a full server refuse it, and answer the others.
                asked.lpushx(f"{channel.global_keyprefix}usher.probe", "")
                return sum(map(int, asked.execute()[: len(QUEUES)]))

    def evicts(self) -> bool:
        """Whether a full broker would drop keys, and with them queues; False where it doesn't say."""
        with self._trouble_named():
            if not self._is_redis:
                return False
            client = self._connect().default_channel.client
            try:
                return str(client.config_get("maxmemory-policy").get("maxmemory-policy")) not in {"noeviction", "None"}
            except ResponseError:
                return False

    def close(self) -> None:
        """Leave the broker."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(AMQPError, OSError):
                connection.release()

    def _connect(self) -> Any:
        if self._connection is None:
            self._connection = self._app.connection_for_write()
            self._producer = self._app.amqp.Producer(self._connection, auto_declare=False)
            if not self._is_redis:
                # RabbitMQ drops what it has no queue for; Redis makes a queue of the first message.
                for queue in self._app.amqp.queues.values():
                    queue(self._connection.default_channel).declare()
        return self._connection

    @contextmanager
    def _trouble_named(self) -> Iterator[None]:
        if time.monotonic() < self._rest_until:
            raise BrokerAway("It failed a moment ago.")
        try:
            yield
        except (KombuError, RedisError, AMQPError, OSError) as error:
            self.close()
            self._rest_until = time.monotonic() + REST_SECONDS
            logger.warning("broker away", why=str(error))
            raise BrokerAway(str(error)) from error


class Nudger:
    """Rings for promised jobs behind the caller's back: a call costs microseconds and can't fail.

    One thread, made at the first call in each process, gathers what has come meanwhile and publishes it. What it can't
    publish, or what would wait in the broker for longer than a moment, it drops: the relay rings for the same jobs a
    second later, and lets accounts take turns.
    """

    def __init__(self, broker_url: str) -> None:
        self._broker_url = broker_url
        self._begin_anew()
        os.register_at_fork(after_in_child=self._begin_anew)

    def nudge(self, jobs: Sequence[tuple[JobKind, str]]) -> None:
        """Ring for these jobs soon; never waits, never raises."""
        if jobs:
            self._jobs.extend(jobs)
            self._some.set()
            self._start()

    def _begin_anew(self) -> None:
        self._jobs: deque[tuple[JobKind, str]] = deque(maxlen=MAX_NUDGES)
        self._some = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def _start(self) -> None:
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="nudger", daemon=True)
                    self._thread.start()

    def _run(self) -> None:
        publisher, nudged_at = Publisher(self._broker_url), 0.0
        while True:
            jobs = self._gather()
            try:
                # A nudge after a lull makes no queue, and to ask whether there is one would take as long as it does.
                if time.monotonic() - nudged_at > LULL_SECONDS or publisher.waiting() < ENOUGH_WAITING:
                    publisher.ring(jobs[:MOST_RUNG])
            except BrokerAway:
                pass
            except Exception:
                # The next jobs are nudged for all the same.
                logger.exception("a nudge failed, the relay rings for its jobs", jobs=len(jobs))
            nudged_at = time.monotonic()
            time.sleep(NUDGE_EVERY)

    def _gather(self) -> list[tuple[JobKind, str]]:
        """Wait for a first job, then take along what is there already."""
        self._some.wait()
        self._some.clear()
        return [self._jobs.popleft() for _ in range(len(self._jobs))]
