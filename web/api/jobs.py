"""Background jobs: all of them for the operator, an account's own for its members with access to the audit log."""

from typing import Any

from shared.models import Job
from shared.operations import job_admin
from shared.permissions import Permission
from web.auth.guards import actor, operator, requires
from web.database import transaction
from web.http.endpoint import endpoint, v1
from web.http.paging import decode, page
from web.schemas.jobs import (
    AccountJobQuery,
    AccountSummaryOut,
    JobOut,
    JobQuery,
    JobsOut,
    SummaryOut,
    job_out,
    summary_out,
)


@v1.get("/jobs")
@operator
@endpoint("Jobs", query=JobQuery, response=JobsOut)
def list_jobs(query: JobQuery) -> dict[str, Any]:
    """List all background jobs, newest first."""
    return _page(query, query.account_id)


@v1.get("/jobs/summary")
@operator
@endpoint("Jobs", response=SummaryOut)
def sum_up_jobs() -> dict[str, Any]:
    """Get a summary of all background jobs.

    It says how many jobs wait and for how long, which processes are alive, and which mail is paused and why.
    """
    with transaction() as session:
        return summary_out(job_admin.summary(session))


@v1.get("/jobs/<job_id>")
@operator
@endpoint("Jobs", response=JobOut, problems=(404,))
def show_job(job_id: str) -> dict[str, Any]:
    """Get a background job.

    It has the job's attempts, times, last error, worker, and the invitation it is for.
    """
    with transaction() as session:
        return job_out(job_admin.get(session, job_id=job_id))


@v1.post("/jobs/<job_id>/retry")
@operator
@endpoint("Jobs", response=JobOut, problems=(404, 409))
def retry_job(job_id: str) -> dict[str, Any]:
    """Retry a dead or cancelled job, or run a waiting one now.

    Returns 409 for a job that is running or done.
    """
    with transaction() as session:
        return job_out(job_admin.retry(session, actor=actor(), job_id=job_id))


@v1.post("/jobs/<job_id>/cancel")
@operator
@endpoint("Jobs", response=JobOut, problems=(404, 409))
def cancel_job(job_id: str) -> dict[str, Any]:
    """Cancel a waiting job.

    Its invitation shows that. Returns 409 for a job that is running or has ended.
    """
    with transaction() as session:
        return job_out(job_admin.cancel(session, actor=actor(), job_id=job_id))


@v1.get("/accounts/<account_id>/jobs")
@requires(Permission.AUDIT_VIEW)
@endpoint("Jobs", query=AccountJobQuery, response=JobsOut)
def list_account_jobs(account_id: str, query: AccountJobQuery) -> dict[str, Any]:
    """List an account's background jobs, newest first."""
    return _page(query, account_id)


@v1.get("/accounts/<account_id>/jobs/summary")
@requires(Permission.AUDIT_VIEW)
@endpoint("Jobs", response=AccountSummaryOut)
def sum_up_account_jobs(account_id: str) -> dict[str, Any]:
    """Get a summary of an account's background jobs."""
    with transaction() as session:
        return summary_out(job_admin.summary(session, account_id=account_id))


@v1.get("/accounts/<account_id>/jobs/<job_id>")
@requires(Permission.AUDIT_VIEW)
@endpoint("Jobs", response=JobOut)
def show_account_job(account_id: str, job_id: str) -> dict[str, Any]:
    """Get a background job of an account."""
    with transaction() as session:
        return job_out(job_admin.get(session, job_id=job_id, account_id=account_id))


def _page(query: AccountJobQuery, account_id: str | None) -> dict[str, Any]:
    with transaction() as session:
        rows: list[Job] = job_admin.list_jobs(
            session,
            account_id=account_id,
            state=query.state,
            kind=query.kind,
            before=decode(query.cursor),
            limit=query.limit + 1,
        )
    return page([job_out(row) for row in rows], limit=query.limit, key=lambda shown: str(shown["id"]))
