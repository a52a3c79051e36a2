"""Background jobs: all of them for the operator, and each account's own."""

from typing import Any

from flask import Response, render_template

from shared.operations import job_admin, job_stats
from shared.permissions import Permission
from web.auth.guards import actor, operator_page, requires
from web.database import transaction
from web.http.paging import decode, page
from web.schemas.jobs import JobQuery, job_out
from web.ui import account_page, form_results, forms, labels
from web.ui.blueprint import site

PAGE = 50


@site.get("/jobs")
@operator_page
def show_jobs() -> str:
    """Show a summary of all background jobs, and each job."""
    return render_template("pages/jobs.html", **_shown(None))


@site.get("/accounts/<account_id>/jobs")
@requires(Permission.AUDIT_VIEW)
def show_account_jobs(account_id: str) -> str:
    """Show a summary of the account's background jobs, and each job."""
    return account_page.page("pages/account_jobs.html", account_id, **_shown(account_id))


@site.post("/jobs/<job_id>/retry")
@operator_page
def retry_job(job_id: str) -> Response:
    """Retry a job."""

    def act() -> None:
        with transaction() as session:
            job_admin.retry(session, actor=actor(), job_id=job_id)

    return form_results.redirect("/jobs", act)


@site.post("/jobs/<job_id>/cancel")
@operator_page
def cancel_job(job_id: str) -> Response:
    """Cancel a job."""

    def act() -> None:
        with transaction() as session:
            job_admin.cancel(session, actor=actor(), job_id=job_id)

    return form_results.redirect("/jobs", act)


def _shown(account_id: str | None) -> dict[str, Any]:
    query = forms.query_of(JobQuery)
    with transaction() as session:
        rows = job_admin.list_jobs(
            session,
            account_id=account_id or query.account_id,
            state=query.state,
            kind=query.kind,
            before=decode(query.cursor),
            limit=PAGE + 1,
        )
        summary = job_admin.summary(session, account_id=account_id)
        trend = job_stats.last_hour(session, account_id=account_id)
    return {
        "query": query,
        "jobs": page([job_out(row) for row in rows], limit=PAGE, key=lambda job: str(job["id"])),
        "summary": summary,
        "trend": trend,
        "states": labels.JOB_STATES,
        "kinds": labels.JOB_KINDS,
    }
