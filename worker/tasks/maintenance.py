"""The chores: invitations whose time is over, rows that have served theirs, events to be sealed."""

from functools import partial

from shared.audit import hash_chain
from shared.invitations import expiry
from shared.operations import retention
from worker.context import WorkerContext


def expire_invitations(context: WorkerContext) -> None:
    """Expire the invitations that are past their end, batch after batch."""
    while not context.stopping() and context.commit(expiry.expire) >= expiry.BATCH:
        pass


def delete_old_rows(context: WorkerContext) -> None:
    """Delete what is long past its use, batch after batch."""
    some = partial(retention.sweep, jobs_kept=context.settings.jobs_kept)
    while not context.stopping() and context.commit(some) >= retention.BATCH:
        pass


def seal_audit_events(context: WorkerContext) -> None:
    """Seal the newest events of the audit, batch after batch."""
    while not context.stopping() and context.commit(hash_chain.seal) >= hash_chain.BATCH:
        pass
