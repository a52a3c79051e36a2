"""Limits on an account's invitations."""

from typing import Any

from shared.invitations import limits
from shared.permissions import Permission
from web.auth.guards import actor, operator, operator_or
from web.context import app_context
from web.database import transaction
from web.http.endpoint import endpoint, v1
from web.schemas.limits import LimitsBody, LimitsOut, limits_out


@v1.get("/accounts/<account_id>/limits")
@operator_or(Permission.TEAM_VIEW)
@endpoint("Accounts", response=LimitsOut)
def show_limits(account_id: str) -> dict[str, Any]:
    """Get an account's limits on inviting, and their current use."""
    with transaction() as session:
        found = limits.standing(session, actor=actor(), policy=app_context().policy, account_id=account_id)
    return limits_out(found)


@v1.put("/accounts/<account_id>/limits")
@operator
@endpoint("Accounts", body=LimitsBody, response=LimitsOut, problems=(404,), example={"invitations_per_day": 20000})
def set_limits(account_id: str, body: LimitsBody) -> dict[str, Any]:
    """Set an account's limits on inviting.

    Replaces the limits set before. Limits that are left out follow the account's committed spend.
    """
    with transaction() as session:
        overrides = body.model_dump(exclude_none=True)
        limits.set_overrides(session, actor=actor(), account_id=account_id, overrides=overrides)
        found = limits.standing(session, actor=actor(), policy=app_context().policy, account_id=account_id)
    return limits_out(found)
