"""Round-robin dispatch among accounts, so an account with ten thousand jobs doesn't delay an account with one."""

from sqlalchemy import ColumnElement, Integer, Select, bindparam, func, lateral, literal, select, true
from sqlalchemy.orm import aliased

from shared.db.predicates import in_literals
from shared.db.prepared import PreparedQuery
from shared.models import Job
from shared.models.job import UNFINISHED

MIN_JOBS_PER_ACCOUNT = 20
"""Minimum number of one account's jobs considered per dispatch, however many accounts have work. With few accounts,
each gets an equal share of the dispatch limit."""


def _due_fairly() -> Select[str]:
    """Due jobs in turns by account.

    A recursive query walks an index from one account to the next. The cost grows with the number of accounts that have
    work, not with the number of jobs.
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
"""Ids of up to `most` due jobs: the oldest of each account, then the second oldest of each, and so on."""
