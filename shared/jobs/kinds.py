"""Tasks, and each kind of job with the task that runs it.

A new kind is one row of `_SPECS`. A kind is an email only where its row names a template.
"""

from enum import StrEnum
from typing import NamedTuple

from shared.models import JobKind


class Task(NamedTuple):
    """A task's name and its queue."""

    name: str
    queue: str
    period: float | None = None


CHECK_INVITATION = Task("invitations.check", "checks")
SEND_EMAIL = Task("emails.send", "mail")
EXPIRE_INVITATIONS = Task("invitations.expire", "chores", 2.0)
SEAL_AUDIT_EVENTS = Task("audit.seal", "chores", 2.0)
DELETE_OLD_ROWS = Task("rows.sweep", "chores", 3600.0)
DOWNLOAD_NETWORK_LISTS = Task("lists.fetch", "chores", 20.0)


PREVIOUS_NAMES: dict[Task, str] = {SEND_EMAIL: "letters.mail"}
"""Names by which the release before this one knows a task.

While releases change, its workers drop a message with a name that they don't know, and the job waits until it is
dispatched again. So messages still go out under these names, and workers answer to both. The next release publishes
the new names, and the one after it deletes this table.
"""


class Recipient(StrEnum):
    """The person that an email goes to, by the subject of its job."""

    INVITEE = "invitee"
    INVITER = "inviter"
    USER = "user"


class JobSpec(NamedTuple):
    """One kind of job: the task that does it, and for an email, its template and recipient.

    `is_delivery` marks the jobs that deliver an invitation, whose end shows on it.
    """

    kind: JobKind
    task: Task
    template: str | None = None
    recipient: Recipient | None = None
    is_delivery: bool = False


_SPECS = (
    JobSpec(JobKind.INVITATION_CHECK, CHECK_INVITATION, is_delivery=True),
    JobSpec(JobKind.INVITATION_MAIL, SEND_EMAIL, "invitation", Recipient.INVITEE, is_delivery=True),
    JobSpec(JobKind.VERIFICATION_MAIL, SEND_EMAIL, "verification", Recipient.USER),
    JobSpec(JobKind.PASSWORD_RESET_MAIL, SEND_EMAIL, "password_reset", Recipient.USER),
    JobSpec(JobKind.SIGNUP_NOTICE_MAIL, SEND_EMAIL, "signup_notice", Recipient.USER),
    JobSpec(JobKind.NEW_LINK_MAIL, SEND_EMAIL, "new_link", Recipient.INVITER),
)

SPECS: dict[JobKind, JobSpec] = {spec.kind: spec for spec in _SPECS}
TEMPLATES: dict[JobKind, str] = {spec.kind: spec.template for spec in _SPECS if spec.template}
MAIL_KINDS = frozenset(TEMPLATES)

INVITATION_KINDS = frozenset(spec.kind for spec in _SPECS if spec.is_delivery)
"""The jobs that an invitation is delivered by, and whose end shows on it."""


def kinds_to(recipient: Recipient) -> frozenset[JobKind]:
    """The kinds of emails that go to this recipient."""
    return frozenset(spec.kind for spec in _SPECS if spec.recipient is recipient)


ABOUT_INVITATIONS = INVITATION_KINDS | kinds_to(Recipient.INVITER)
"""The jobs whose subject is an invitation."""
