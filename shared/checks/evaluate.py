"""The one evaluator behind every door: inviting, the worker's second look, resending and acceptance."""

from dataclasses import dataclass
from datetime import datetime

from shared.checks.domain import DomainLists, check_domain
from shared.checks.eligibility import Terms, check_eligibility
from shared.checks.recipient import check_recipient, check_role
from shared.checks.verdict import Check
from shared.config import Money
from shared.email_address import EmailAddress
from shared.permissions import Role


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a judgement of one invitation rests on, read from the database at one moment (`at`, in UTC)."""

    address: EmailAddress
    role: Role
    assignable: frozenset[Role]
    is_member: bool
    already_invited: bool
    terms: Terms | None
    at: datetime


def evaluate(facts: Facts, *, lists: DomainLists, minimum: Money) -> list[Check]:
    """Run every check on these facts; the order is that in which a person would want to hear of them."""
    return [
        check_eligibility(facts.terms, minimum=minimum, today=facts.at.date()),
        check_role(facts.role, facts.assignable),
        check_recipient(facts.address.shown, is_member=facts.is_member, already_invited=facts.already_invited),
        check_domain(facts.address.domain, lists),
    ]
