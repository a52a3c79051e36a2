"""Kills or freezes a worker at a named point of its work: a process that signals itself where it enters or leaves a
function.

The points are places in the code as it is: the interpreter's own hook (`sys.setprofile`) watches for them, so nothing
of ours is patched and no switch for tests stands in the code.
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
    """Where to die: at the call or return of a function, the how manieth time, and whether that may cost a copy."""

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
    "before the claim of a mail": Point("shared.jobs.queue", "claim", "call", time=2),
    "after the claim of a mail": Point("shared.mail.messages", "load", "call"),
    "after writing": Point("worker.mail.rendering", "render_message", "return"),
    "before connecting": Point("shared.mail.smtp_connection", "connect", "call"),
    "after the envelope": Point("worker.mail.smtp", "_open", "return"),
    "after the final dot": Point("smtplib", "getreply", "call", may_copy=True, time=6),
    "after the server's yes": Point("worker.mail.smtp", "send", "return", may_copy=True),
    "after the note": Point("worker.sent_journal", "note", "return"),
    "after the record": Point("worker.tasks.mail", "_record", "return", time=2),
}
"""The dot's answer is the sixth: the greeting, EHLO, MAIL, RCPT and DATA have had theirs. The record's second return is
that of the method, after the commit; the first is inside the transaction."""


def die_at(point: Point, settings: Settings) -> int:
    """Check and mail everything in a process of its own that dies there; its exit code."""
    process = _forks.Process(target=_work, args=(point, settings, signal.SIGKILL))
    process.start()
    process.join(60)
    return process.exitcode or 0


@contextmanager
def frozen_at(point: Point, settings: Settings) -> Iterator[None]:
    """The same, but it freezes there for the length of the block, and then goes on to its end."""
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
    """Check and mail whatever is free."""
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
