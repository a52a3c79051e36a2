"""Takes up what killed processes of this machine left behind: at once, instead of when their leases run out.

What the mail server had taken is recorded as sent, behind the same fence; the rest is free to be claimed again, and
counts one more worker that died under it.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from sqlalchemy.orm import Session

from shared import log
from shared.services import deliveries, jobs
from worker.journal import LeftBehind, left_behind

logger = log.get(__name__)


def take_up(folder: Path, commit: Callable[[Callable[[Session], None]], None]) -> None:
    """Record and free what the dead held; `commit` carries out one effect in a transaction of its own."""
    for left in left_behind(folder):
        commit(partial(_take_up, left=left))


def _take_up(session: Session, left: LeftBehind) -> None:
    for owner, said in left.taken.items():
        if held := deliveries.sent(session, said, owner=owner):
            logger.warning("recorded for a dead process what it had mailed", owner=owner, jobs=len(held))
    jobs.end_leases(session, owners=left.owners)
