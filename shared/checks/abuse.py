"""Check for unresolved abuse reports against the account."""

from functools import cache

from shared.checks.verdict import Check, Verdict
from shared.errors import Reason, Who

CHECK = "abuse"

REPORTERS = 3
"""Number of different recipients whose reports put an account's new invitations on hold."""


@cache
def check_abuse(*, held: bool) -> tuple[Check, ...]:
    """Hold invitations of a reported account. Returns no check for any other account."""
    return (Check(CHECK, Verdict.HOLD, (abuse_reported(),), {"source": "abuse_reports", "age": 0}),) if held else ()


def abuse_reported() -> Reason:
    """Reason: several recipients have reported the account's invitations."""
    return Reason(
        "abuse_reported",
        "Several recipients have reported invitations from this account as abuse. New invitations are on hold until "
        "the operator has reviewed the reports.",
        "Ask the operator to review the reports.",
        Who.OPERATOR,
    )
