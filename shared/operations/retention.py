"""Deletes expired rows. Never deletes invitations, events, members, and unfinished or dead jobs."""

from datetime import timedelta

from sqlalchemy import ColumnElement, delete, func, inspect, select
from sqlalchemy.orm import Session

from shared.accounts import failed_sign_ins, signups
from shared.db.base import Base
from shared.models import (
    FailedSignIn,
    Heartbeat,
    IdempotencyKey,
    InvitationUsage,
    InvitedRecipient,
    Job,
    JobState,
    MailDomain,
    OperatorSession,
    Pause,
    Signup,
    SignupSession,
    SupersededLink,
    Suppression,
    Throttle,
    UserSession,
)

BATCH = 1000


def sweep(session: Session, *, jobs_kept: timedelta, limit: int = BATCH) -> int:
    """Delete up to `limit` expired rows of each table. Returns the largest number deleted from one table."""
    return max(_delete(session, model, spent, limit) for model, spent in _spent(jobs_kept))


def _spent(jobs_kept: timedelta) -> list[tuple[type[Base], ColumnElement[bool]]]:
    """The tables and conditions of expired rows. Each has a margin, so nothing is deleted while it may be needed."""
    return [
        (Throttle, Throttle.window_ends_at < func.now() - timedelta(hours=1)),
        (IdempotencyKey, IdempotencyKey.created_at < func.now() - timedelta(days=2)),
        (UserSession, UserSession.expires_at < func.now() - timedelta(days=1)),
        (OperatorSession, OperatorSession.expires_at < func.now()),
        (Signup, Signup.created_at < func.now() - signups.KEPT),
        (SignupSession, SignupSession.expires_at < func.now() - timedelta(days=1)),
        (FailedSignIn, FailedSignIn.failed_at < func.now() - failed_sign_ins.KEPT),
        # An invitation lives at most 30 days, so a link replaced longer ago leads nowhere.
        (SupersededLink, SupersededLink.superseded_at < func.now() - timedelta(days=90)),
        # A dead job stays until an operator decides about it.
        (Job, Job.state.in_((JobState.DONE, JobState.CANCELLED)) & (Job.finished_at < func.now() - jobs_kept)),
        (InvitationUsage, InvitationUsage.day_ends_at < func.now() - timedelta(days=1)),
        (InvitedRecipient, InvitedRecipient.day_ends_at < func.now() - timedelta(hours=1)),
        (Heartbeat, Heartbeat.beat_at < func.now() - timedelta(days=1)),
        (Pause, Pause.until < func.now() - timedelta(days=1)),
        (Suppression, Suppression.until < func.now() - timedelta(days=1)),
        # Name servers are queried again long before.
        (MailDomain, MailDomain.looked_up_at < func.now() - timedelta(days=30)),
    ]


def _delete(session: Session, model: type[Base], spent: ColumnElement[bool], limit: int) -> int:
    keys = inspect(model).primary_key
    some = select(*keys).where(spent).limit(limit).with_for_update(skip_locked=True).cte()
    matches = [key == some.c[key.name] for key in keys]
    gone = session.execute(
        delete(model).where(*matches).returning(keys[0]), execution_options={"synchronize_session": False}
    )
    return len(gone.all())
