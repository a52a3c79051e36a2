"""The relay's side of a job: which are due, whose turn it is, and until when nobody rings for them again.

As with claims, all judging is done by UPDATE and by the database's clock: any number of relays may run.
"""

from datetime import timedelta

from sqlalchemy import Integer, bindparam, func, select, update
from sqlalchemy.orm import Session

from shared.db import Question
from shared.models import Job, JobKind
from shared.models.columns import among, lies_among, lies_at, listed
from shared.models.job import UNFINISHED
from shared.services import turns
from shared.services.pauses import held_back_until

RING_AGAIN = timedelta(seconds=15)
"""How long the relay waits before it rings again for a job that nobody has claimed."""

_KNOWN = frozenset(JobKind)


def ring(session: Session, *, limit: int) -> list[tuple[JobKind, str]]:
    """Take up to `limit` jobs that are due and unclaimed, or whose lease has run out, to ring for them now.

    While there are more, accounts take turns. Those that a pause holds back are left alone until it ends, and those of
    a kind that only a newer release knows to its own relay.
    """
    due = _DUE.ask(session, most=limit)
    if len(due) == limit:
        due = turns.FAIR.ask(session, most=limit)
    rows = _RING.ask(session, ids=",".join(job_id for (job_id,) in due)) if due else []
    return [(JobKind(kind), job_id) for kind, job_id, wanted in rows if wanted and kind in _KNOWN]


_DUE_NOW = Job.ring_at <= func.now()
_DUE = Question(
    select(Job.id)
    .where(among(Job.state, *UNFINISHED), _DUE_NOW)
    .order_by(Job.ring_at)
    .limit(bindparam("most", type_=Integer()))
)
_STILL_DUE = select(lies_at(Job)).where(Job.id == func.any(listed("ids")), Job.state.in_(UNFINISHED), _DUE_NOW)
_PAUSE_ENDS = held_back_until()
_RING = Question(
    update(Job)
    .where(lies_among(Job, _STILL_DUE.order_by(Job.id).with_for_update(skip_locked=True)))
    .values(ring_at=func.coalesce(_PAUSE_ENDS, func.now() + RING_AGAIN))
    .returning(Job.kind, Job.id, _PAUSE_ENDS.is_(None))
)
