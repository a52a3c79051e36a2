"""Background jobs, as operators and accounts see them."""

from datetime import datetime
from typing import Any

from pydantic import Field

from shared.jobs.kinds import ABOUT_INVITATIONS
from shared.models import Heartbeat, Job, JobKind, JobState
from shared.operations.job_admin import Summary
from web.schemas.base import Out, PageQuery, Text

# While releases change, those of a newer one stand among ours: an answer must not fail at what it has no name for.
_Kind = Field(description=f"What there is to do: {', '.join(JobKind)}; others only while a newer release comes in.")


class AccountJobQuery(PageQuery):
    """Which jobs of an account."""

    state: JobState | None = None
    kind: JobKind | None = None


class JobQuery(AccountJobQuery):
    """Which jobs of all."""

    account_id: Text | None = Field(default=None, max_length=100, description="Only those of this account.")


class JobOut(Out):
    """One piece of background work. `due_at` says when it may be done, `last_error` why it was not, in words."""

    id: str
    kind: str = _Kind
    state: JobState | str
    account_id: str | None
    invitation_id: str | None = Field(description="The invitation that it serves, where it serves one.")
    attempts: int
    lost_leases: int = Field(description="How often the worker died that had the job.")
    created_at: datetime
    due_at: datetime
    first_tried_at: datetime | None
    lease_until: datetime | None = Field(description="While it runs: until when its worker holds it.")
    finished_at: datetime | None
    last_error: str | None
    worker: str | None = Field(description="The last worker that took it.")
    request_id: str | None = Field(description="The request that it was promised in.")


class JobsOut(Out):
    """Jobs, a page at a time, the newest first."""

    data: list[JobOut]
    next_cursor: str | None


class DepthOut(Out):
    """How many jobs of a kind stand in a state, and since when the oldest waits that could be done now."""

    kind: str = _Kind
    state: JobState | str
    count: int
    oldest_due_at: datetime | None
    oldest_due_seconds: float


class PartOut(Out):
    """A worker or scheduler that is alive."""

    name: str
    part: str
    started_at: datetime
    beat_at: datetime


class PauseOut(Out):
    """Mails that are held back: those to one domain, or all of them (`*`)."""

    lane: str
    since: datetime
    until: datetime
    why: str


class AccountSummaryOut(Out):
    """How much an account's jobs have to do, and whether somebody is there to do it."""

    jobs: list[DepthOut]
    finished_last_minute: int
    workers_alive: int
    scheduler_heartbeat_at: datetime | None


class SummaryOut(AccountSummaryOut):
    """The background work at a glance: `queued` and `running` jobs, `dead` ones, who is alive, what is held back."""

    parts: list[PartOut]
    pauses: list[PauseOut]


def job_out(job: Job) -> dict[str, Any]:
    """A job's row as callers see it."""
    shown = {field: getattr(job, field, None) for field in JobOut.model_fields}
    return shown | {
        "invitation_id": job.subject_id if job.kind in ABOUT_INVITATIONS else None,
        "request_id": job.data.get("request_id"),
    }


def summary_out(summary: Summary) -> dict[str, Any]:
    """A summary as callers see it."""
    workers: list[Heartbeat] = [part for part in summary.parts if part.part == "worker"]
    return {
        "jobs": summary.depths,
        "finished_last_minute": summary.finished_last_minute,
        "workers_alive": len(workers),
        "scheduler_heartbeat_at": summary.scheduler_beat_at,
        "parts": summary.parts,
        "pauses": summary.pauses,
    }
