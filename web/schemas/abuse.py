"""Reports of abuse, and what the operator decides."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from shared.models import AbuseDecision, AbuseReport, Account
from web.schemas.base import Body, Out, PageQuery, Text
from web.schemas.users import AccountRef


class AbuseQuery(PageQuery):
    """Which reports."""

    account_id: Text | None = Field(default=None, max_length=64)
    state: Literal["open", "decided"] | None = None


class AbuseReportOut(Out):
    """A recipient's report. `decision` is null while it waits for the operator."""

    id: str
    account: AccountRef
    account_held_at: datetime | None = Field(description="Since when reports hold the account's new invitations.")
    invitation_id: str
    invited_by: str
    email: str
    reason: str | None
    reported_at: datetime
    decision: AbuseDecision | str | None
    decided_at: datetime | None
    decision_reason: str | None


class AbuseReportsOut(Out):
    """Reports, a page at a time, the newest first."""

    data: list[AbuseReportOut]
    next_cursor: str | None


class AbuseDecisionBody(Body):
    """What becomes of the account: `clear` lifts the hold, `keep` leaves its new invitations on hold."""

    decision: AbuseDecision
    reason: Annotated[Text, Field(min_length=1, max_length=500, description="Why; it is kept in the audit log.")]


class AbuseDecidedOut(Out):
    """Whether the account is on hold now, and since when."""

    account_id: str
    account_held_at: datetime | None


def report_out(found: tuple[AbuseReport, Account]) -> dict[str, Any]:
    """A report as the operator sees it."""
    report, account = found
    own = (name for name in AbuseReportOut.model_fields if name not in {"account", "account_held_at"})
    return {
        **{name: getattr(report, name) for name in own},
        "account": {"id": account.id, "name": account.name},
        "account_held_at": account.abuse_held_at,
    }
