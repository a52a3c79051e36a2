"""The Celery app of the workers: queues, limits, acknowledgement, and the tasks as shells over plain functions.

A message is acknowledged before its work is done, because it is only a doorbell: the row is the truth, and the relay
rings again. So nothing here waits, retries or keeps results through the broker.
"""

from collections.abc import Callable

from celery import Celery

from shared.broker import CHECK, EXPIRE, FETCH, MAIL, SEAL, SWEEP
from shared.broker_app import celery_app, is_redis
from shared.config import Settings
from worker.runtime import Runtime
from worker.tasks import checks, feeds, housekeeping, mail

TIME_LIMIT = 390
"""Longer than the slowest round: 10 s of mails, and one last mail that meets every timeout of the mail server."""


def make_app(settings: Settings, runtime: Callable[[], Runtime]) -> Celery:
    """The app of one worker; `runtime` gives each of its processes what that process holds."""
    app = celery_app(settings.broker_url, patience=5.0)
    app.conf.update(
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        # A replica and a full broker answer, and are as good as away.
        broker_channel_error_retry=True,
        worker_consumer="worker.consumer:PatientConsumer",
        task_acks_late=False,
        task_time_limit=TIME_LIMIT,
        worker_concurrency=settings.worker_processes,
        worker_prefetch_multiplier=1,
        # RabbitMQ hands out no more than are asked for; Redis' messages have to be left where they are.
        worker_disable_prefetch=is_redis(settings.broker_url),
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_max_tasks_per_child=1000,
        worker_max_memory_per_child=300_000,
        worker_proc_alive_timeout=30.0,
        # Nobody may wait in the memory of a worker; the limit only guards that.
        worker_eta_task_limit=10,
        worker_send_task_events=True,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
    )
    _name_tasks(app, runtime)
    return app


def _name_tasks(app: Celery, runtime: Callable[[], Runtime]) -> None:
    def check(ids: list[str]) -> None:
        checks.check(runtime(), ids, carries=checks.FEW)

    def send(ids: list[str]) -> None:
        mail.mail(runtime(), ids)

    def expire() -> None:
        housekeeping.expire(runtime())

    def sweep() -> None:
        housekeeping.sweep(runtime())

    def seal() -> None:
        housekeeping.seal(runtime())

    def fetch() -> None:
        feeds.fetch(runtime())

    chores = ((EXPIRE, expire), (SWEEP, sweep), (SEAL, seal), (FETCH, fetch))
    for task, do in ((CHECK, check), (MAIL, send), *chores):
        app.task(name=task.name)(do)
