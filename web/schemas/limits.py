"""The limits on an account's invitations."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from shared.invitations.limits import Standing
from web.schemas.base import Body, Out

_Limit = Annotated[int, Field(ge=0, le=100_000_000)]


class LimitsBody(Body):
    """The limits to set for an account; what is left out or null follows its contract."""

    invitations_per_hour: _Limit | None = Field(default=None, description="Resends count as well.")
    invitations_per_day: _Limit | None = None
    open_invitations: _Limit | None = Field(default=None, description="How many can be open at a time.")
    new_domains_per_day: _Limit | None = Field(
        default=None, description="Recipient domains that the account has not invited to before."
    )
    inviter_per_hour: _Limit | None = Field(
        default=None, description="Of one user or API key, over all accounts, when they invite into this one."
    )


class LimitsValues(Out):
    """Each limit by its name."""

    invitations_per_hour: int
    invitations_per_day: int
    open_invitations: int
    new_domains_per_day: int
    inviter_per_hour: int


class UsageOut(LimitsValues):
    """What is used of each limit; `inviter_per_hour` by the caller. The hour and the day end at these times."""

    hour_ends_at: datetime
    day_ends_at: datetime


class LimitsOut(Out):
    """The limits in force, those of them that the operator has set, and what is used."""

    limits: LimitsValues
    overrides: dict[str, int]
    used: UsageOut


def limits_out(standing: Standing) -> dict[str, Any]:
    """The limits of an account as callers see them."""
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
