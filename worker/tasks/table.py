"""Every task with the function that does it: the Celery app registers these, and the scheduler starts them."""

from collections.abc import Callable
from typing import NamedTuple

from shared.jobs.kinds import (
    CHECK_INVITATION,
    DELETE_OLD_ROWS,
    DOWNLOAD_NETWORK_LISTS,
    EXPIRE_INVITATIONS,
    SEAL_AUDIT_EVENTS,
    SEND_EMAIL,
    Task,
)
from worker.context import WorkerContext
from worker.tasks import checks, mail, maintenance, network_lists


class TaskSpec(NamedTuple):
    """A task and its function, which is called with the worker's context and, for jobs, their ids.

    `by_scheduler` is what the scheduler does instead where no worker can be reached in time.
    """

    task: Task
    run: Callable[..., None]
    by_scheduler: Callable[..., None]


def _leave_to_a_worker(_: WorkerContext) -> None:
    """Do nothing now: a slow site would hold up the scheduler, and what was fetched last is still there."""


TASKS = (
    TaskSpec(CHECK_INVITATION, checks.check_and_send, checks.check_invitations),
    TaskSpec(SEND_EMAIL, mail.send_emails, mail.send_emails),
    TaskSpec(EXPIRE_INVITATIONS, maintenance.expire_invitations, maintenance.expire_invitations),
    TaskSpec(SEAL_AUDIT_EVENTS, maintenance.seal_audit_events, maintenance.seal_audit_events),
    TaskSpec(DELETE_OLD_ROWS, maintenance.delete_old_rows, maintenance.delete_old_rows),
    TaskSpec(DOWNLOAD_NETWORK_LISTS, network_lists.download_network_lists, _leave_to_a_worker),
)
