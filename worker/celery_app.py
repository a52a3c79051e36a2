"""The Celery app of the workers: queues, limits, acknowledgement, and the tasks as thin wrappers of plain functions.

A message is acknowledged before its work is done because it is only a wake-up. The row in the jobs table is the source
of truth, and the scheduler dispatches the job again. So nothing here waits, retries or keeps results through the
broker.
"""

from collections.abc import Callable

from celery import Celery

from shared.jobs.celery_app import celery_app, is_redis
from shared.jobs.kinds import PREVIOUS_NAMES
from shared.settings.settings import Settings
from worker.context import WorkerContext
from worker.tasks.table import TASKS, TaskSpec

TIME_LIMIT = 390
"""In seconds. Longer than the slowest batch: 10 s of emails, then one that meets every timeout of the mail server."""


def make_app(settings: Settings, context: Callable[[], WorkerContext]) -> Celery:
    """Create the Celery app of one worker. `context` returns the resources of the calling process."""
    app = celery_app(settings.broker_url, patience=5.0)
    app.conf.update(
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        # A replica and a full broker still answer, but are unusable.
        broker_channel_error_retry=True,
        worker_consumer="worker.consumer:PatientConsumer",
        task_acks_late=False,
        task_time_limit=TIME_LIMIT,
        worker_concurrency=settings.worker_processes,
        worker_prefetch_multiplier=1,
        # RabbitMQ delivers no more messages than requested. Redis messages must stay in their queue.
        worker_disable_prefetch=is_redis(settings.broker_url),
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_max_tasks_per_child=1000,
        worker_max_memory_per_child=300_000,
        worker_proc_alive_timeout=30.0,
        # No message may wait in a worker's memory. The limit is only a safeguard.
        worker_eta_task_limit=10,
        worker_send_task_events=True,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
    )
    for spec in TASKS:
        _register(app, spec, context)
    return app


def _register(app: Celery, spec: TaskSpec, context: Callable[[], WorkerContext]) -> None:
    """Register a task under its name, and under the name that the previous release publishes."""

    def run(*args: list[str]) -> None:
        spec.run(context(), *args)

    for name in {spec.task.name, PREVIOUS_NAMES.get(spec.task, spec.task.name)}:
        app.task(name=name)(run)
