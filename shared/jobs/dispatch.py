"""Selects due jobs for the scheduler to dispatch, fairly across accounts, and sets when each is next due.

UPDATE statements and the database clock make every decision, as for claims. Any number of schedulers can run at once.
"""

from datetime import timedelta

from sqlalchemy import Integer, bindparam, func, select, update
from sqlalchemy.orm import Session

from shared.db.predicates import any_of, ctid_in, ctid_of, in_literals
from shared.db.prepared import PreparedQuery
from shared.jobs import fairness
from shared.jobs.mail_pauses import paused_until
from shared.models import Job, JobKind
from shared.models.job import UNFINISHED

DISPATCH_AGAIN = timedelta(seconds=15)
"""Delay before the scheduler dispatches an unclaimed job again."""

_KNOWN = frozenset(JobKind)


def take_due(session: Session, *, limit: int) -> list[tuple[JobKind, str]]:
    """Take up to `limit` jobs to dispatch now: due and unclaimed, or with an expired lease.

    When more than `limit` jobs are due, accounts take turns. Paused jobs are skipped until the pause ends. Jobs of a
    kind that only a newer release knows are left to that release's scheduler.
    """
    due = _DUE.fetch(session, most=limit)
    if len(due) == limit:
        due = fairness.DUE_FAIRLY.fetch(session, most=limit)
    rows = _DISPATCH.fetch(session, ids=",".join(job_id for (job_id,) in due)) if due else []
    return [(JobKind(kind), job_id) for kind, job_id, wanted in rows if wanted and kind in _KNOWN]


_DUE_NOW = Job.ring_at <= func.now()
_DUE = PreparedQuery(
    select(Job.id)
    .where(in_literals(Job.state, *UNFINISHED), _DUE_NOW)
    .order_by(Job.ring_at)
    .limit(bindparam("most", type_=Integer()))
)
_STILL_DUE = select(ctid_of(Job)).where(Job.id == func.any(any_of("ids")), Job.state.in_(UNFINISHED), _DUE_NOW)
_PAUSE_ENDS = paused_until()
_DISPATCH = PreparedQuery(
    update(Job)
    .where(ctid_in(Job, _STILL_DUE.order_by(Job.id).with_for_update(skip_locked=True)))
    .values(ring_at=func.coalesce(_PAUSE_ENDS, func.now() + DISPATCH_AGAIN))
    .returning(Job.kind, Job.id, _PAUSE_ENDS.is_(None))
)
