"""Takes up what killed processes of this machine left behind: at once, instead of when their leases run out.

What the mail server had taken is recorded as sent, behind the same fence; the rest is free to be claimed again, and
counts one more worker that died under it.
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
    """Record and free what the dead held; `commit` carries out one effect in a transaction of its own."""
    for left in find_leftovers(folder):
        commit(partial(_recover_one, left=left))


def _recover_one(session: Session, left: Leftover) -> None:
    for owner, replies in left.sent.items():
        if held := results.record_sent(session, replies, owner=owner):
            logger.warning("recorded for a dead process what it had mailed", owner=owner, jobs=len(held))
    queue.end_leases(session, owners=left.owners)
