"""Check that the account has a current annual contract with at least the minimum committed monthly spend.

The vendor's rule: accounts can invite with a committed monthly spend of at least 750 USD on an annual contract.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from shared.checks.verdict import Check, Verdict, denied_by
from shared.errors import Reason, Who
from shared.settings.types import Money

_UNTIL = "Until that is mended, no invitation is sent."


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms of an account's contract. `amount` is per month, and `ends_on` is the last day in force."""

    amount: Decimal
    currency: str
    starts_on: date
    ends_on: date


@dataclass(frozen=True, slots=True)
class Commitment:
    """The contract data from one source.

    `dated` is its time, and `known` is False without an answer from the source.
    """

    terms: Terms | None
    source: str = "contracts"
    dated: datetime | None = None
    known: bool = True


def check_eligibility(commitment: Commitment, *, minimum: Money, now: datetime) -> Check:
    """Check the contract on the UTC date of `now`. Each shortfall is a separate reason."""
    age = max(0, int((now - commitment.dated).total_seconds())) if commitment.dated else 0
    data = {"source": commitment.source, "age": age, "on": now.date().isoformat()}
    if not commitment.known:
        return Check("eligibility", Verdict.UNKNOWN, (_not_checked(),), data)
    terms = commitment.terms
    reasons = [_missing(minimum)] if terms is None else list(_shortfalls(terms, minimum, now.date()))
    return denied_by("eligibility", reasons, **data)


def is_annual(starts_on: date, ends_on: date) -> bool:
    """Return True if the contract runs for at least twelve months, counting both days."""
    try:
        anniversary = starts_on.replace(year=starts_on.year + 1)
    except ValueError:
        anniversary = date(starts_on.year + 1, 3, 1)
    return ends_on >= anniversary - timedelta(days=1)


def _shortfalls(terms: Terms, minimum: Money, today: date) -> Iterator[Reason]:
    if terms.currency != minimum.currency:
        yield _other_currency(terms, minimum)
    elif terms.amount < minimum.amount:
        yield _below_minimum(terms, minimum)
    if not is_annual(terms.starts_on, terms.ends_on):
        yield _not_annual(terms)
    if today < terms.starts_on:
        yield _not_started(terms)
    if today > terms.ends_on:
        yield _ended(terms)


def _missing(minimum: Money) -> Reason:
    return Reason(
        "contract_missing",
        f"This account has no contract on record; inviting needs a committed spend of {minimum} a month for "
        f"a year. {_UNTIL}",
        "Ask sales for a committed monthly spend plan; once it is recorded, inviting works at once.",
        Who.ACCOUNT_OWNER,
    )


def _not_checked() -> Reason:
    return Reason(
        "contract_not_checked",
        "The billing system has not said yet what this account has committed to.",
        "There is nothing to do: it is asked again by itself.",
        Who.OPERATOR,
    )


def _below_minimum(terms: Terms, minimum: Money) -> Reason:
    return Reason(
        "contract_below_minimum",
        f"The contract commits {terms.amount} {terms.currency} a month; inviting needs {minimum} or more. {_UNTIL}",
        f"Raise the committed monthly spend to {minimum} or more.",
        Who.ACCOUNT_OWNER,
    )


def _other_currency(terms: Terms, minimum: Money) -> Reason:
    return Reason(
        "contract_other_currency",
        f"The contract is in {terms.currency}, and the minimum of {minimum} can't be compared with it. {_UNTIL}",
        f"Have the contract recorded in {minimum.currency}, or the installation's minimum changed.",
        Who.OPERATOR,
    )


def _not_annual(terms: Terms) -> Reason:
    return Reason(
        "contract_not_annual",
        f"The contract runs from {terms.starts_on} to {terms.ends_on}, less than a year. {_UNTIL}",
        "Extend the contract to twelve months or more.",
        Who.ACCOUNT_OWNER,
    )


def _not_started(terms: Terms) -> Reason:
    return Reason(
        "contract_not_started",
        f"The contract begins on {terms.starts_on}. {_UNTIL}",
        "Invite from that day on, or have the contract begin earlier.",
        Who.ACCOUNT_OWNER,
    )


def _ended(terms: Terms) -> Reason:
    return Reason(
        "contract_ended",
        f"The contract ended on {terms.ends_on}. {_UNTIL}",
        "Renew the contract; once it is recorded, inviting works at once.",
        Who.ACCOUNT_OWNER,
    )
