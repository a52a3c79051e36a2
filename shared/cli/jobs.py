"""`usher jobs`: background jobs, live in a terminal."""

import os
import time
from collections.abc import Iterator

import click

from shared import clock
from shared.cli.database import command_transaction
from shared.cli.settings import settings_from
from shared.models import ALL_MAIL, JobState, Part
from shared.operations import job_admin
from shared.operations.job_admin import Summary

_STATES = (JobState.QUEUED, JobState.RUNNING, JobState.DEAD)
FAILURES = 5


@click.command()
@click.option("--once", is_flag=True, help="Show the jobs once, then exit.")
@click.option(
    "--every", default=2.0, show_default=True, type=click.FloatRange(0.5, 60), help="Seconds between updates."
)
def jobs(once: bool, every: float) -> None:
    """Watch background jobs. Shows backlog, waiting time, throughput and failures. Stop with Ctrl-C."""
    settings = settings_from(os.environ)
    while True:
        with command_transaction(settings) as session:
            lines = list(_lines(job_admin.summary(session)))
            dead = job_admin.list_jobs(
                session, account_id=None, state=JobState.DEAD, kind=None, before=None, limit=FAILURES
            )
            lines += [f"  {job.id}  {job.kind}: {(job.last_error or '').splitlines()[0][:100]}" for job in dead]
        if not once:
            click.clear()
        click.echo("\n".join(lines))
        if once:
            return
        time.sleep(every)


def _lines(summary: Summary) -> Iterator[str]:
    workers = sum(part.part == Part.WORKER for part in summary.parts)
    beat = summary.scheduler_beat_at
    silent = f"{(clock.now() - beat).total_seconds():.0f} s ago" if beat else "never"
    finished = f"{summary.finished_last_minute} finished in the last minute"
    yield f"{finished}; workers alive: {workers}; scheduler seen: {silent}"
    yield f"{'':24}{'queued':>10}{'running':>10}{'dead':>10}   oldest due"
    counts = {(depth.kind, depth.state): depth for depth in summary.depths}
    for kind in sorted({depth.kind for depth in summary.depths}):
        row = [counts.get((kind, state)) for state in _STATES]
        waits = f"{row[0].oldest_due_seconds:.0f} s" if row[0] and row[0].oldest_due_at else "-"
        yield f"{kind:24}" + "".join(f"{depth.count if depth else 0:>10}" for depth in row) + f"   {waits}"
    for pause in summary.pauses:
        whose = "all email" if pause.lane == ALL_MAIL else f"email to {pause.lane}"
        yield f"{whose} is paused until {pause.until:%H:%M:%S} UTC: {pause.why}"
