"""Takes turns among accounts while more is due than is done: one tenant's ten thousand don't hold up another's one."""

from sqlalchemy import ColumnElement, Integer, Select, bindparam, func, lateral, literal, select, true
from sqlalchemy.orm import aliased

from shared.db.predicates import in_literals
from shared.db.prepared import PreparedQuery
from shared.models import Job
from shared.models.job import UNFINISHED

MIN_JOBS_PER_ACCOUNT = 20
"""How many of one account's jobs are looked at for one round of turns, however many accounts there are; where there are
few, each has its share of the round."""


def _due_fairly() -> Select[str]:
    """The accounts are found by hopping from one to the next in an index, so that it costs a look at each account that
    has something to do, however many jobs it has.
    """
    most = bindparam("most", type_=Integer())
    account, hop = _account(Job), aliased(Job)
    unfinished = in_literals(Job.state, *UNFINISHED)
    accounts = select(func.min(account).label("id")).where(unfinished).cte("accounts", recursive=True)
    following = select(func.min(_account(hop))).where(
        in_literals(hop.state, *UNFINISHED), _account(hop) > accounts.c.id
    )
    accounts = accounts.union_all(select(following.scalar_subquery()).where(accounts.c.id.is_not(None)))
    share = select(
        func.greatest(MIN_JOBS_PER_ACCOUNT, most / func.nullif(func.count(accounts.c.id), 0))
    ).scalar_subquery()
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


DUE_FAIRLY = PreparedQuery(_due_fairly())
"""The ids of up to `most` due jobs: of each account its oldest, then of each its second, and so on."""
