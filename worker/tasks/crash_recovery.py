"""Recovers the jobs of killed processes of this machine at once, instead of when their leases expire.

Emails that the mail server accepted are recorded as sent, behind the same fence. The other jobs are free to be claimed
again, and count one more worker that died on them.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from sqlalchemy.orm import Session

from shared.jobs import queue
from shared.mail import results
from shared.observability import log
from worker.sent_journal import Leftover, find_leftovers

logger = log.get(__name__)


def recover(folder: Path, commit: Callable[[Callable[[Session], None]], None]) -> None:
    """Record and release the jobs of dead processes. `commit` runs one effect in its own transaction."""
    for left in find_leftovers(folder):
        commit(partial(_recover_one, left=left))


def _recover_one(session: Session, left: Leftover) -> None:
    for owner, replies in left.sent.items():
        if held := results.record_sent(session, replies, owner=owner):
            logger.warning("recorded emails that a dead process had sent", owner=owner, jobs=len(held))
    queue.end_leases(session, owners=left.owners)
