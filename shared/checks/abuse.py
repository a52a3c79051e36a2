"""Whether recipients have reported the account's invitations as abuse, and the operator has yet to decide."""

from functools import cache

from shared.checks.verdict import Check, Verdict
from shared.errors import Reason, Who

CHECK = "abuse"

REPORTERS = 3
"""From how many recipients on reports hold an account's new invitations."""


@cache
def check_abuse(*, held: bool) -> tuple[Check, ...]:
    """Hold invitations of an account that was reported. Of any other there is nothing to say: no check at all."""
    return (Check(CHECK, Verdict.HOLD, (abuse_reported(),), {"source": "abuse_reports", "age": 0}),) if held else ()


def abuse_reported() -> Reason:
    """Several recipients have reported the account's invitations."""
    return Reason(
        "abuse_reported",
        "Several recipients have reported invitations from this account as abuse. New invitations are on hold until "
        "the operator has reviewed the reports.",
        "Ask the operator to review the reports.",
        Who.OPERATOR,
    )
