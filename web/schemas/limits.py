"""Limits on an account's invitations."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from shared.invitations.limits import Standing
from web.schemas.base import Body, Out

_Limit = Annotated[int, Field(ge=0, le=100_000_000)]


class LimitsBody(Body):
    """The limits to set for an account. A limit that is null or left out follows the contract."""

    invitations_per_hour: _Limit | None = Field(default=None, description="Includes resends.")
    invitations_per_day: _Limit | None = None
    open_invitations: _Limit | None = Field(default=None, description="Invitations that can be open at the same time.")
    new_domains_per_day: _Limit | None = Field(
        default=None, description="Recipient domains that the account has never invited to before."
    )
    inviter_per_hour: _Limit | None = Field(
        default=None,
        description="Invitations of one user or API key across all accounts, when they invite to this one.",
    )


class LimitsValues(Out):
    """The value of each limit."""

    invitations_per_hour: int
    invitations_per_day: int
    open_invitations: int
    new_domains_per_day: int
    inviter_per_hour: int


class UsageOut(LimitsValues):
    """The current use of each limit; of `inviter_per_hour`, by the caller. Times are the ends of current windows."""

    hour_ends_at: datetime
    day_ends_at: datetime


class LimitsOut(Out):
    """The limits in force, the overrides that the operator has set, and the current use."""

    limits: LimitsValues
    overrides: dict[str, int]
    used: UsageOut


def limits_out(standing: Standing) -> dict[str, Any]:
    """Present an account's limits."""
    usage = standing.usage
    used = {
        "invitations_per_hour": usage.hour.used,
        "invitations_per_day": usage.day.used,
        "open_invitations": usage.open_used,
        "new_domains_per_day": usage.domains_used,
        "inviter_per_hour": usage.inviter.used,
        "hour_ends_at": usage.hour.ends_at,
        "day_ends_at": usage.day.ends_at,
    }
    return {"limits": standing.limits.as_json(), "overrides": standing.overrides, "used": used}
