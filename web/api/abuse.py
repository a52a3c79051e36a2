"""Abuse reports, for the operator."""

from typing import Any

from shared.screening import abuse_reports
from web.auth.guards import actor, operator
from web.database import transaction
from web.http.endpoint import endpoint, v1
from web.http.paging import decode, page
from web.schemas.abuse import AbuseDecidedOut, AbuseDecisionBody, AbuseQuery, AbuseReportsOut, report_out


@v1.get("/abuse-reports")
@operator
@endpoint("Abuse", query=AbuseQuery, response=AbuseReportsOut)
def list_abuse_reports(query: AbuseQuery) -> dict[str, Any]:
    """List abuse reports, newest first.

    Recipients report abuse when they decline an invitation.
    """
    with transaction() as session:
        found = abuse_reports.reports(
            session,
            account_id=query.account_id,
            is_open=None if query.state is None else query.state == "open",
            before=decode(query.cursor),
            limit=query.limit + 1,
        )
    return page([report_out(each) for each in found], limit=query.limit, key=lambda row: row["id"])


@v1.post("/accounts/<account_id>/abuse-reports/decide")
@operator
@endpoint(
    "Abuse",
    body=AbuseDecisionBody,
    response=AbuseDecidedOut,
    problems=(404, 409),
    example={"decision": "clear", "reason": "Former employees reported their own company."},
)
def decide_abuse_reports(account_id: str, body: AbuseDecisionBody) -> dict[str, Any]:
    """Decide an account's open abuse reports.

    `clear` lifts the hold and checks the account's held invitations again. `keep` leaves its new invitations on hold.
    """
    with transaction() as session:
        account = abuse_reports.decide(
            session, actor=actor(), account_id=account_id, decision=body.decision, reason=body.reason
        )
        session.flush()
        session.refresh(account)
    return {"account_id": account.id, "account_held_at": account.abuse_held_at}
