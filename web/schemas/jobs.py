"""Background jobs, as the operator and accounts see them."""

from datetime import datetime
from typing import Any

from pydantic import Field

from shared.jobs.kinds import ABOUT_INVITATIONS
from shared.models import Heartbeat, Job, JobKind, JobState
from shared.operations.job_admin import Summary
from web.schemas.base import Out, PageQuery, Text

# During a rolling upgrade, jobs of a newer release may have kinds unknown here, which must not fail a response.
_Kind = Field(description=f"One of {', '.join(JobKind)}. Others occur only during an upgrade.")


class AccountJobQuery(PageQuery):
    """Filter of an account's jobs."""

    state: JobState | None = None
    kind: JobKind | None = None


class JobQuery(AccountJobQuery):
    """Filter of all jobs."""

    account_id: Text | None = Field(default=None, max_length=100, description="Only jobs of this account.")


class JobOut(Out):
    """A background job. `due_at` is the earliest time to run it, `last_error` the reason of its last failure."""

    id: str
    kind: str = _Kind
    state: JobState | str
    account_id: str | None
    invitation_id: str | None = Field(description="The invitation that the job is for, if any.")
    attempts: int
    lost_leases: int = Field(description="How often a worker stopped while it ran this job.")
    created_at: datetime
    due_at: datetime
    first_tried_at: datetime | None
    lease_until: datetime | None = Field(description="End of the worker's lease while the job is running.")
    finished_at: datetime | None
    last_error: str | None
    worker: str | None = Field(description="The last worker that ran the job.")
    request_id: str | None = Field(description="The request that enqueued the job.")


class JobsOut(Out):
    """A page of jobs, newest first."""

    data: list[JobOut]
    next_cursor: str | None


class DepthOut(Out):
    """The number of jobs of a kind in a state, and the age of the oldest one that is due."""

    kind: str = _Kind
    state: JobState | str
    count: int
    oldest_due_at: datetime | None
    oldest_due_seconds: float


class PartOut(Out):
    """A live worker or scheduler."""

    name: str
    part: str
    started_at: datetime
    beat_at: datetime


class PauseOut(Out):
    """A pause of outgoing email, to one domain or to all (`*`)."""

    lane: str
    since: datetime
    until: datetime
    why: str


class AccountSummaryOut(Out):
    """An account's background jobs, and the processes that run them."""

    jobs: list[DepthOut]
    finished_last_minute: int
    workers_alive: int
    scheduler_heartbeat_at: datetime | None


class SummaryOut(AccountSummaryOut):
    """All background jobs, live processes, and mail pauses."""

    parts: list[PartOut]
    pauses: list[PauseOut]


def job_out(job: Job) -> dict[str, Any]:
    """Present a job."""
    shown = {field: getattr(job, field, None) for field in JobOut.model_fields}
    return shown | {
        "invitation_id": job.subject_id if job.kind in ABOUT_INVITATIONS else None,
        "request_id": job.data.get("request_id"),
    }


def summary_out(summary: Summary) -> dict[str, Any]:
    """Present a summary of jobs."""
    workers: list[Heartbeat] = [part for part in summary.parts if part.part == "worker"]
    return {
        "jobs": summary.depths,
        "finished_last_minute": summary.finished_last_minute,
        "workers_alive": len(workers),
        "scheduler_heartbeat_at": summary.scheduler_beat_at,
        "parts": summary.parts,
        "pauses": summary.pauses,
    }
