"""The chores: invitations whose time is over, rows that have served theirs, events to be sealed."""

from functools import partial

from shared.services import expiry, retention, sealing
from worker.runtime import Runtime


def expire(runtime: Runtime) -> None:
    """Expire the invitations that are past their end, batch after batch."""
    while not runtime.stopping() and runtime.commit(expiry.expire) >= expiry.BATCH:
        pass


def sweep(runtime: Runtime) -> None:
    """Delete what is long past its use, batch after batch."""
    some = partial(retention.sweep, jobs_kept=runtime.settings.jobs_kept)
    while not runtime.stopping() and runtime.commit(some) >= retention.BATCH:
        pass


def seal(runtime: Runtime) -> None:
    """Seal the newest events of the audit, batch after batch."""
    while not runtime.stopping() and runtime.commit(sealing.seal) >= sealing.BATCH:
        pass
