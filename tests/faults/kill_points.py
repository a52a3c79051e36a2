"""Kill or freeze a worker at a named point of its work, by a signal to itself on entering or leaving a function.

The points are places in the unmodified code: the interpreter's hook (`sys.setprofile`) watches for them, so nothing of
ours is patched and the code has no switches for tests.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from sqlalchemy import select

from shared.cli.embedded.process import wait_until
from shared.models import Job
from shared.policy_context import load
from shared.settings.settings import Settings
from worker.context import WorkerContext
from worker.tasks.checks import check_invitations
from worker.tasks.mail import send_emails

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload([__name__])


class Point(NamedTuple):
    """The point: the nth (`time`) call or return of a function. `may_copy` allows one duplicate email."""

    module: str
    function: str
    event: str
    may_copy: bool = False
    time: int = 1


POINTS: dict[str, Point] = {
    "before the claim of a check": Point("shared.jobs.queue", "claim", "call"),
    "after the claim of a check": Point("worker.context", "commit", "return"),
    "in the middle of the verdicts": Point("shared.jobs.queue", "enqueue_all", "return"),
    "after the verdicts": Point("worker.tasks.batch", "record_effects", "return"),
    "before the claim of an email": Point("shared.jobs.queue", "claim", "call", time=2),
    "after the claim of an email": Point("shared.mail.messages", "load", "call"),
    "after writing": Point("worker.mail.rendering", "render_message", "return"),
    "before connecting": Point("shared.mail.smtp_connection", "connect", "call"),
    "after the envelope": Point("worker.mail.smtp", "_open", "return"),
    "after the final dot": Point("smtplib", "getreply", "call", may_copy=True, time=6),
    "after the server's yes": Point("worker.mail.smtp", "send", "return", may_copy=True),
    "after the note": Point("worker.sent_journal", "note", "return"),
    "after the record": Point("worker.tasks.mail", "_record", "return", time=2),
}
"""The reply to the dot is the sixth: greeting, EHLO, MAIL, RCPT and DATA have had theirs. The second return of the
record is that of the method, after the commit. The first one is inside the transaction."""


def die_at(point: Point, settings: Settings) -> int:
    """Check and email everything in a process that dies at this point. Returns its exit code."""
    process = _forks.Process(target=_work, args=(point, settings, signal.SIGKILL))
    process.start()
    process.join(60)
    return process.exitcode or 0


@contextmanager
def frozen_at(point: Point, settings: Settings) -> Iterator[None]:
    """Check and email everything in a process that freezes at this point during the block, and then continues."""
    process = _forks.Process(target=_work, args=(point, settings, signal.SIGSTOP))
    process.start()
    assert process.pid is not None
    status = Path(f"/proc/{process.pid}/status")
    assert wait_until(lambda: "State:\tT" in status.read_text(), within=60)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)
        process.join(60)


def work(context: WorkerContext) -> None:
    """Check and email everything that is free."""
    for task in (check_invitations, send_emails):
        with context.sessions() as session:
            ids = session.scalars(select(Job.id)).all()
        task(context, ids)


def _work(point: Point, settings: Settings, number: signal.Signals) -> None:
    context = WorkerContext(settings, load(settings), name="doomed", stopping=lambda: False)
    left = point.time

    def look(frame: FrameType, event: str, _: object) -> None:
        nonlocal left
        code = frame.f_code
        if event == point.event and code.co_name == point.function and frame.f_globals["__name__"] == point.module:
            left -= 1
            if not left:
                os.kill(os.getpid(), number)

    sys.setprofile(look)
    work(context)
