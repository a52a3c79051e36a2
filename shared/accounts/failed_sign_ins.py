"""Failed sign-ins, shown to the owner of the address, and the usual IP addresses of their sign-ins."""

from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.audit.events import Action
from shared.ids import new_id
from shared.models import AuditEvent, FailedSignIn, User

KEPT = timedelta(days=30)
"""Period for which failed sign-ins are shown."""

_REMEMBERED, _LATEST = timedelta(days=90), 20


def record(session: Session, *, email_key: str, origin: str | None) -> None:
    """Record a failed sign-in. Unknown addresses are recorded too, so response times don't reveal which ones exist."""
    session.add(FailedSignIn(id=new_id("fsi"), email_key=email_key, origin=origin))


def latest(session: Session, *, email_key: str, before: str | None, limit: int) -> list[FailedSignIn]:
    """A page of failed sign-ins with this address, newest first, before the id `before`."""
    query = select(FailedSignIn).where(FailedSignIn.email_key == email_key, FailedSignIn.failed_at > func.now() - KEPT)
    if before is not None:
        query = query.where(FailedSignIn.id < before)
    return list(session.scalars(query.order_by(FailedSignIn.id.desc()).limit(limit)))


def usual_origins(session: Session, *, email_key: str) -> set[str]:
    """IP addresses of the user's last 20 sign-ins in the past 90 days."""
    theirs = select(User.id).where(User.email_key == email_key, User.email_verified_at.is_not(None)).scalar_subquery()
    signed_in = select(AuditEvent.origin).where(
        AuditEvent.subject_id == theirs,
        AuditEvent.action == Action.USER_SIGNED_IN,
        AuditEvent.at > func.now() - _REMEMBERED,
    )
    found = session.scalars(signed_in.order_by(AuditEvent.seq.desc()).limit(_LATEST))
    return {origin for origin in found if origin}
