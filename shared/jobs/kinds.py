"""Tasks, the queue of each, and the task that runs each kind of job."""

from typing import NamedTuple

from shared.models import JobKind


class Task(NamedTuple):
    """A task's name and its queue."""

    name: str
    queue: str


CHECK_INVITATION = Task("invitations.check", "checks")


SEND_EMAIL = Task("emails.send", "mail")


EXPIRE_INVITATIONS = Task("invitations.expire", "chores")


DELETE_OLD_ROWS = Task("rows.sweep", "chores")


DOWNLOAD_NETWORK_LISTS = Task("lists.fetch", "chores")


SEAL_AUDIT_EVENTS = Task("audit.seal", "chores")


PREVIOUS_NAMES: dict[Task, str] = {SEND_EMAIL: "letters.mail"}
"""Names by which the release before this one knows a task.

While releases change, its workers drop a message with a name that they don't know, and the job waits until it is
dispatched again. So messages still go out under these names, and workers answer to both. The next release publishes
the new names, and the one after it deletes this table.
"""


TASK_OF: dict[JobKind, Task] = {
    JobKind.INVITATION_CHECK: CHECK_INVITATION,
    JobKind.INVITATION_MAIL: SEND_EMAIL,
    JobKind.VERIFICATION_MAIL: SEND_EMAIL,
    JobKind.PASSWORD_RESET_MAIL: SEND_EMAIL,
    JobKind.SIGNUP_NOTICE_MAIL: SEND_EMAIL,
    JobKind.NEW_LINK_MAIL: SEND_EMAIL,
}
