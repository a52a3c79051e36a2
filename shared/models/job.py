"""Background jobs as rows: the database is the source of truth, and Celery only carries ids.

A job is written in the transaction that enqueues it, claimed by a conditional UPDATE with a lease, and finished in the
transaction that records its effect. `due_at` says when it may be claimed. `ring_at` says when the scheduler dispatches
it next: shortly after it was enqueued (its wake-up message usually comes first), again while no worker claims it, and
when a lease expires. Waiting is a time in the row, never a countdown in the broker, because a broker is not a database.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base
from shared.models.columns import CreatedAt, Id, Ref, one_of
from shared.stored_enum import StoredEnum


class JobState(StoredEnum):
    """The state of a job. The last three are ended states."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"
    CANCELLED = "cancelled"


class JobKind(StoredEnum):
    """The kinds of jobs. Each has one task in `worker/tasks`."""

    INVITATION_CHECK = "invitation.check"
    INVITATION_MAIL = "invitation.mail"
    VERIFICATION_MAIL = "verification.mail"
    PASSWORD_RESET_MAIL = "password_reset.mail"  # noqa: S105 - the name of a job, not a password
    SIGNUP_NOTICE_MAIL = "signup_notice.mail"
    NEW_LINK_MAIL = "new_link.mail"


UNFINISHED = (JobState.QUEUED, JobState.RUNNING)
_UNFINISHED_SQL = text("state IN ('queued', 'running')")


class Job(Base):
    """A background job. `lease_owner` is the fence that stops late completions.

    `lane` is the recipient domain of an email, which a pause can hold back. `worker` is the last worker that claimed
    the job.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        one_of("kind", JobKind),
        one_of("state", JobState),
        Index("ix_jobs_ringing", "ring_at", postgresql_where=_UNFINISHED_SQL),
        # Each account's due jobs, for fairness. Emails to users have no account and share one turn.
        Index("ix_jobs_taking_turns", text("coalesce(account_id, '')"), "ring_at", postgresql_where=_UNFINISHED_SQL),
        # The jobs that operators look at. There are few of them, however many are finished.
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
    # In the first second the process that enqueued the job notifies the workers itself.
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
