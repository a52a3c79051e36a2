"""The relay's side of a job: which are due, whose turn it is, and until when nobody rings for them again.

As with claims, all judging is done by UPDATE and by the database's clock: any number of relays may run.
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
"""How long the relay waits before it rings again for a job that nobody has claimed."""

_KNOWN = frozenset(JobKind)


def take_due(session: Session, *, limit: int) -> list[tuple[JobKind, str]]:
    """Take up to `limit` jobs that are due and unclaimed, or whose lease has run out, to ring for them now.

    While there are more, accounts take turns. Those that a pause holds back are left alone until it ends, and those of
    a kind that only a newer release knows to its own relay.
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
