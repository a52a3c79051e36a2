"""Background jobs: all of them for the operator, an account's own under its settings."""

from typing import Any

from flask import Response, render_template

from shared.permissions import Permission
from shared.services import oversight, trends
from web.database import transaction
from web.guard import actor, operating, requires
from web.pages import done, form, place, words
from web.pages.site import site
from web.paging import decoded, page
from web.schemas.jobs import JobQuery, job_out

PAGE = 50


@site.get("/jobs")
@operating
def show_jobs() -> str:
    """Show how the background work goes, and each job."""
    return render_template("pages/jobs.html", **_shown(None))


@site.get("/accounts/<account_id>/jobs")
@requires(Permission.AUDIT_VIEW)
def show_account_jobs(account_id: str) -> str:
    """The same of one account."""
    return place.page("pages/account_jobs.html", account_id, **_shown(account_id))


@site.post("/jobs/<job_id>/retry")
@operating
def retry_job(job_id: str) -> Response:
    """Do a job again."""

    def act() -> None:
        with transaction() as session:
            oversight.retry(session, actor=actor(), job_id=job_id)

    return done.redirect("/jobs", act)


@site.post("/jobs/<job_id>/cancel")
@operating
def cancel_job(job_id: str) -> Response:
    """Call a job off."""

    def act() -> None:
        with transaction() as session:
            oversight.cancel(session, actor=actor(), job_id=job_id)

    return done.redirect("/jobs", act)


def _shown(account_id: str | None) -> dict[str, Any]:
    query = form.asked(JobQuery)
    with transaction() as session:
        rows = oversight.listed(
            session,
            account_id=account_id or query.account_id,
            state=query.state,
            kind=query.kind,
            before=decoded(query.cursor),
            limit=PAGE + 1,
        )
        summary = oversight.summary(session, account_id=account_id)
        trend = trends.last_hour(session, account_id=account_id)
    return {
        "query": query,
        "jobs": page([job_out(row) for row in rows], limit=PAGE, key=lambda job: str(job["id"])),
        "summary": summary,
        "trend": trend,
        "states": words.JOB_STATES,
        "kinds": words.JOB_KINDS,
    }
