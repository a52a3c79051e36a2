"""One piece of background work, as a row: the database is the truth, and Celery only carries ids.

A job is written in the transaction that promises it, claimed by a conditional UPDATE with a lease, and finished in the
transaction that records its effect. `due_at` says when it may be claimed, `ring_at` when the relay rings for it next:
a moment after the promise (the nudge usually comes first), again while nobody claims it, and when a lease runs out.
Waiting is a time in the row, never a countdown in the broker: a broker is not a database.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base
from shared.models.columns import CreatedAt, Id, Ref, one_of
from shared.stored_enum import StoredEnum


class JobState(StoredEnum):
    """Where a job stands; the last three are ends."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"
    CANCELLED = "cancelled"


class JobKind(StoredEnum):
    """What there is to do; each kind has one task in `worker/tasks`."""

    INVITATION_CHECK = "invitation.check"
    INVITATION_MAIL = "invitation.mail"
    VERIFICATION_MAIL = "verification.mail"
    PASSWORD_RESET_MAIL = "password_reset.mail"  # noqa: S105 - the name of a job, not a password
    SIGNUP_NOTICE_MAIL = "signup_notice.mail"
    NEW_LINK_MAIL = "new_link.mail"


UNFINISHED = (JobState.QUEUED, JobState.RUNNING)
_UNFINISHED_SQL = text("state IN ('queued', 'running')")


class Job(Base):
    """One piece of background work; `lease_owner` is the fence that a late finisher fails at.

    `lane` is the destination domain of a mail, which can be held back by a pause; `worker` the last that took the job.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        one_of("kind", JobKind),
        one_of("state", JobState),
        Index("ix_jobs_ringing", "ring_at", postgresql_where=_UNFINISHED_SQL),
        # Each account's due jobs, to take turns by; people's own mails have no account and share one turn.
        Index("ix_jobs_taking_turns", text("coalesce(account_id, '')"), "ring_at", postgresql_where=_UNFINISHED_SQL),
        # What an operator looks at: there are few of these, whatever was done before.
        Index("ix_jobs_open", "state", "id", postgresql_where=text("state IN ('queued', 'running', 'dead')")),
        Index("ix_jobs_account_id_id", "account_id", "id"),
        Index("ix_jobs_finished", "finished_at", postgresql_where=text("finished_at IS NOT NULL")),
        Index("ix_jobs_subject_id", "subject_id"),
    )

    id: Mapped[Id]
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=JobState.QUEUED)
    account_id: Mapped[Ref | None]
    subject_id: Mapped[Ref]
    generation: Mapped[int] = mapped_column(server_default="0")
    lane: Mapped[str | None]
    data: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    due_at: Mapped[CreatedAt]
    # The first second is left to the nudge that the promising process sends.
    ring_at: Mapped[datetime] = mapped_column(server_default=text("now() + interval '1 second'"))
    attempts: Mapped[int] = mapped_column(server_default="0")
    lost_leases: Mapped[int] = mapped_column(server_default="0")
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    worker: Mapped[str | None]
    first_tried_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
    created_at: Mapped[CreatedAt]
    finished_at: Mapped[datetime | None]
