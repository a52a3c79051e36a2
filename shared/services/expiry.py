"""Ends the invitations whose time is over, in bounded batches, by the database's clock."""

from sqlalchemy import Integer, bindparam, func, select, update
from sqlalchemy.orm import Session

from shared.actor import SYSTEM
from shared.db import Question
from shared.models import Invitation, Status
from shared.models.columns import lies_among, lies_at
from shared.models.invitation import OPEN
from shared.services import audit

BATCH = 300


def expire(session: Session, *, limit: int = BATCH) -> int:
    """Expire up to `limit` invitations that are still open and past their end; returns how many there were.

    Rows that somebody is accepting or revoking this moment are skipped: whoever holds them decides, and the next round
    sees what is left. One statement ends them and tells of it in the audit.
    """
    ((ended,),) = _EXPIRE.ask(session, most=limit, **audit.told(SYSTEM, {}))
    return int(ended)


def _question() -> Question:
    over = (
        select(lies_at(Invitation))
        .where(Invitation.ended_at.is_(None), Invitation.status.in_(OPEN), Invitation.expires_at <= func.now())
        .order_by(Invitation.expires_at)
        .limit(bindparam("most", type_=Integer()))
        .with_for_update(skip_locked=True)
    )
    ended = (
        update(Invitation)
        .where(lies_among(Invitation, over))
        .values(status=Status.EXPIRED, ended_at=func.now())
        .returning(Invitation.id, Invitation.account_id)
        .cte("ended")
    )
    told = audit.telling_of(ended, "invitation.expired").cte("told")
    return Question(select(func.count()).select_from(ended).add_cte(told))


_EXPIRE = _question()
