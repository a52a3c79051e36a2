"""Background jobs in plain sight: all of them for the operator, an account's own for those who may see its audit."""

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
    """List background jobs, the newest first."""
    return _page(query, query.account_id)


@v1.get("/jobs/summary")
@operator
@endpoint("Jobs", response=SummaryOut)
def sum_up_jobs() -> dict[str, Any]:
    """Sum up the background work: how much waits and for how long, who is alive, what is held back and why."""
    with transaction() as session:
        return summary_out(job_admin.summary(session))


@v1.get("/jobs/<job_id>")
@operator
@endpoint("Jobs", response=JobOut, problems=(404,))
def show_job(job_id: str) -> dict[str, Any]:
    """Show a job: its attempts, its times, its last error in words, its worker, and the invitation it serves."""
    with transaction() as session:
        return job_out(job_admin.get(session, job_id=job_id))


@v1.post("/jobs/<job_id>/retry")
@operator
@endpoint("Jobs", response=JobOut, problems=(404, 409))
def retry_job(job_id: str) -> dict[str, Any]:
    """Do a dead or cancelled job again, or one that waits at once. 409 where it runs, or is done."""
    with transaction() as session:
        return job_out(job_admin.retry(session, actor=actor(), job_id=job_id))


@v1.post("/jobs/<job_id>/cancel")
@operator
@endpoint("Jobs", response=JobOut, problems=(404, 409))
def cancel_job(job_id: str) -> dict[str, Any]:
    """Call off a job that waits; its invitation shows it. 409 where it runs, or has ended."""
    with transaction() as session:
        return job_out(job_admin.cancel(session, actor=actor(), job_id=job_id))


@v1.get("/accounts/<account_id>/jobs")
@requires(Permission.AUDIT_VIEW)
@endpoint("Jobs", query=AccountJobQuery, response=JobsOut)
def list_account_jobs(account_id: str, query: AccountJobQuery) -> dict[str, Any]:
    """List the background jobs of an account, the newest first."""
    return _page(query, account_id)


@v1.get("/accounts/<account_id>/jobs/summary")
@requires(Permission.AUDIT_VIEW)
@endpoint("Jobs", response=AccountSummaryOut)
def sum_up_account_jobs(account_id: str) -> dict[str, Any]:
    """Sum up the background work of an account."""
    with transaction() as session:
        return summary_out(job_admin.summary(session, account_id=account_id))


@v1.get("/accounts/<account_id>/jobs/<job_id>")
@requires(Permission.AUDIT_VIEW)
@endpoint("Jobs", response=JobOut)
def show_account_job(account_id: str, job_id: str) -> dict[str, Any]:
    """Show a job of an account."""
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
