"""Periodic maintenance: expire invitations, delete old rows, seal audit events."""

from functools import partial

from shared.audit import hash_chain
from shared.invitations import expiry
from shared.operations import retention
from worker.context import WorkerContext


def expire_invitations(context: WorkerContext) -> None:
    """Expire the invitations that are past their end, batch by batch."""
    while not context.stopping() and context.commit(expiry.expire) >= expiry.BATCH:
        pass


def delete_old_rows(context: WorkerContext) -> None:
    """Delete old rows, batch by batch."""
    some = partial(retention.sweep, jobs_kept=context.settings.jobs_kept)
    while not context.stopping() and context.commit(some) >= retention.BATCH:
        pass


def seal_audit_events(context: WorkerContext) -> None:
    """Seal the newest audit events, batch by batch."""
    while not context.stopping() and context.commit(hash_chain.seal) >= hash_chain.BATCH:
        pass
