"""Ends the invitations whose time is over, in bounded batches, by the database's clock."""

from pydantic_core import to_json
from sqlalchemy import Integer, bindparam, func, select, update
from sqlalchemy.orm import Session

from shared.db import Question
from shared.ids import new_id
from shared.models import Invitation, Status
from shared.models.columns import among
from shared.models.invitation import OPEN
from shared.services import audit

BATCH = 1000


def expire(session: Session, *, limit: int = BATCH) -> int:
    """Expire up to `limit` invitations that are still open and past their end; returns how many there were.

    Rows that somebody is accepting or revoking this moment are skipped: whoever holds them decides, and the next round
    sees what is left. One statement ends them and tells of it in the audit.
    """
    ids = to_json([new_id("evt") for _ in range(limit)]).decode()
    ((ended,),) = _EXPIRE.ask(session, most=limit, event_ids=ids)
    return int(ended)


def _question() -> Question:
    over = (
        select(Invitation.id)
        .where(among(Invitation.status, *OPEN), Invitation.expires_at <= func.now())
        .order_by(Invitation.expires_at)
        .limit(bindparam("most", type_=Integer()))
        .with_for_update(skip_locked=True)
    )
    ended = (
        update(Invitation)
        .where(Invitation.id.in_(over))
        .values(status=Status.EXPIRED, ended_at=func.now())
        .returning(Invitation.id, Invitation.account_id)
        .cte("ended")
    )
    told = audit.telling_of(ended, "invitation.expired").cte("told")
    return Question(select(func.count()).select_from(told))


_EXPIRE = _question()
