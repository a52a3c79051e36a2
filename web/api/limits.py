"""The limits on an account's invitations."""

from typing import Any

from shared.permissions import Permission
from shared.services import invitation_limits
from web.call import call, v1
from web.database import transaction
from web.guard import actor, operator, operator_or
from web.kit import kit
from web.schemas.limits import LimitsBody, LimitsOut, limits_out


@v1.get("/accounts/<account_id>/limits")
@operator_or(Permission.TEAM_VIEW)
@call("Accounts", answers=LimitsOut)
def show_limits(account_id: str) -> dict[str, Any]:
    """Show how many invitations an account can send, and how many of them it has sent."""
    with transaction() as session:
        found = invitation_limits.standing(session, actor=actor(), rules=kit().rules, account_id=account_id)
    return limits_out(found)


@v1.put("/accounts/<account_id>/limits")
@operator
@call("Accounts", body=LimitsBody, answers=LimitsOut, problems=(404,), example={"invitations_per_day": 20000})
def set_limits(account_id: str, body: LimitsBody) -> dict[str, Any]:
    """Set an account's limits on inviting, in place of those set before.

    Limits that you leave out follow the account's committed spend.
    """
    with transaction() as session:
        overrides = body.model_dump(exclude_none=True)
        invitation_limits.set_overrides(session, actor=actor(), account_id=account_id, overrides=overrides)
        found = invitation_limits.standing(session, actor=actor(), rules=kit().rules, account_id=account_id)
    return limits_out(found)
