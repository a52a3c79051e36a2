"""Abuse reports, and the operator's decisions about them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from shared.models import AbuseDecision, AbuseReport, Account
from web.schemas.base import Body, Out, PageQuery, Text
from web.schemas.users import AccountRef


class AbuseQuery(PageQuery):
    """Filter of abuse reports."""

    account_id: Text | None = Field(default=None, max_length=64)
    state: Literal["open", "decided"] | None = None


class AbuseReportOut(Out):
    """A recipient's abuse report. `decision` is null until the operator decides."""

    id: str
    account: AccountRef
    account_held_at: datetime | None = Field(description="Time since which the account's new invitations are on hold.")
    invitation_id: str
    invited_by: str
    email: str
    reason: str | None
    reported_at: datetime
    decision: AbuseDecision | str | None
    decided_at: datetime | None
    decision_reason: str | None


class AbuseReportsOut(Out):
    """A page of abuse reports, newest first."""

    data: list[AbuseReportOut]
    next_cursor: str | None


class AbuseDecisionBody(Body):
    """A decision about an account's reports: `clear` lifts the hold, `keep` leaves its new invitations on hold."""

    decision: AbuseDecision
    reason: Annotated[Text, Field(min_length=1, max_length=500, description="The reason, shown in the audit log.")]


class AbuseDecidedOut(Out):
    """The account's state after the decision. `account_held_at` is null if it is no longer on hold."""

    account_id: str
    account_held_at: datetime | None


def report_out(found: tuple[AbuseReport, Account]) -> dict[str, Any]:
    """Present an abuse report to the operator."""
    report, account = found
    own = (name for name in AbuseReportOut.model_fields if name not in {"account", "account_held_at"})
    return {
        **{name: getattr(report, name) for name in own},
        "account": {"id": account.id, "name": account.name},
        "account_held_at": account.abuse_held_at,
    }
