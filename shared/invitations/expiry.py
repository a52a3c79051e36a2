"""Expires invitations in bounded batches, by the database clock."""

from sqlalchemy import Integer, bindparam, func, select, update
from sqlalchemy.orm import Session

from shared.actor import SYSTEM
from shared.audit import log as audit_log
from shared.audit.events import Action
from shared.db.predicates import ctid_in, ctid_of
from shared.db.prepared import PreparedQuery
from shared.models import Invitation, Status
from shared.models.invitation import OPEN

BATCH = 300


def expire(session: Session, *, limit: int = BATCH) -> int:
    """Expire up to `limit` open invitations that are past their end. Returns the number of expired invitations.

    Skips rows that another transaction is accepting or revoking. That transaction decides, and the next run sees the
    rest. One statement expires the invitations and records the audit events.
    """
    ((ended,),) = _EXPIRE.fetch(session, most=limit, **audit_log.event_params(SYSTEM, {}))
    return int(ended)


def _expire_query() -> PreparedQuery:
    over = (
        select(ctid_of(Invitation))
        .where(Invitation.ended_at.is_(None), Invitation.status.in_(OPEN), Invitation.expires_at <= func.now())
        .order_by(Invitation.expires_at)
        .limit(bindparam("most", type_=Integer()))
        .with_for_update(skip_locked=True)
    )
    ended = (
        update(Invitation)
        .where(ctid_in(Invitation, over))
        .values(status=Status.EXPIRED, ended_at=func.now())
        .returning(Invitation.id, Invitation.account_id)
        .cte("ended")
    )
    events = audit_log.insert_events_for(ended, Action.INVITATION_EXPIRED).cte("told")
    return PreparedQuery(select(func.count()).select_from(ended).add_cte(events))


_EXPIRE = _expire_query()
