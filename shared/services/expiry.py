"""Ends the invitations whose time is over, in bounded batches, by the database's clock."""

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from shared.actor import SYSTEM
from shared.models import Invitation, Status
from shared.models.columns import among
from shared.models.invitation import OPEN
from shared.services import audit

BATCH = 500


def expire(session: Session, *, limit: int = BATCH) -> int:
    """Expire up to `limit` invitations that are still open and past their end; returns how many there were.

    Rows that somebody is accepting or revoking this moment are skipped: whoever holds them decides, and the next round
    sees what is left.
    """
    over = (
        select(Invitation.id)
        .where(among(Invitation.status, *OPEN), Invitation.expires_at <= func.now())
        .order_by(Invitation.expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ended = session.execute(
        update(Invitation)
        .where(Invitation.id.in_(over))
        .values(status=Status.EXPIRED, ended_at=func.now())
        .returning(Invitation.id, Invitation.account_id),
        execution_options={"synchronize_session": False},
    ).all()
    audit.record_all(session, SYSTEM, "invitation.expired", ((each, account_id, {}) for each, account_id in ended))
    return len(ended)
