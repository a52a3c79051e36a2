"""Takes turns among accounts while more is due than is done: one tenant's ten thousand don't hold up another's one."""

from sqlalchemy import ColumnElement, Integer, Select, bindparam, func, lateral, literal, select, true
from sqlalchemy.orm import aliased

from shared.db import Question
from shared.models import Job
from shared.models.columns import among
from shared.models.job import UNFINISHED

AT_LEAST = 20
"""How many of one account's jobs are looked at for one round of turns, however many accounts there are; where there are
few, each has its share of the round."""


def _fair() -> Select[str]:
    """The accounts are found by hopping from one to the next in an index, so that it costs a look at each account that
    has something to do, however many jobs it has.
    """
    most = bindparam("most", type_=Integer())
    account, hop = _account(Job), aliased(Job)
    unfinished = among(Job.state, *UNFINISHED)
    accounts = select(func.min(account).label("id")).where(unfinished).cte("accounts", recursive=True)
    following = select(func.min(_account(hop))).where(among(hop.state, *UNFINISHED), _account(hop) > accounts.c.id)
    accounts = accounts.union_all(select(following.scalar_subquery()).where(accounts.c.id.is_not(None)))
    share = select(func.greatest(AT_LEAST, most / func.nullif(func.count(accounts.c.id), 0))).scalar_subquery()
    turn = func.row_number().over(order_by=Job.ring_at).label("turn")
    oldest = lateral(
        select(Job.id, Job.ring_at, turn)
        .where(account == accounts.c.id, unfinished, Job.ring_at <= func.now())
        .order_by(Job.ring_at)
        .limit(share)
    )
    query = select(oldest.c.id).select_from(accounts).join(oldest, true())
    return query.order_by(oldest.c.turn, oldest.c.ring_at).limit(most)


def _account(job: type[Job]) -> ColumnElement[str]:
    return func.coalesce(job.account_id, literal(""))


FAIR = Question(_fair())
"""The ids of up to `most` due jobs: of each account its oldest, then of each its second, and so on."""
