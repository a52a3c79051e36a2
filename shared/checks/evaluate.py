"""The only evaluator of invitations. Inviting, dry runs, screening, resending and acceptance all use it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from shared.checks.abuse import check_abuse
from shared.checks.contract import Commitment, check_eligibility
from shared.checks.domain import DomainLists, check_domain
from shared.checks.ip_ranges import Origin
from shared.checks.mail_domain import MailFact
from shared.checks.membership import check_recipient, check_role
from shared.checks.overrides import Override, of_recipient
from shared.checks.proxy import check_proxy
from shared.checks.verdict import Check, Verdict, overall
from shared.clock import rfc3339
from shared.email_address import EmailAddress
from shared.permissions import Role
from shared.settings.settings import Settings


@dataclass(frozen=True, slots=True)
class Facts:
    """All facts that decide about one invitation, gathered at the UTC time `at`.

    `commitment` comes from Usher's own contracts table, `billed` from the operator's billing system.
    """

    address: EmailAddress
    role: Role
    assignable: frozenset[Role]
    is_member: bool
    already_invited: bool
    commitment: Commitment
    billed: Commitment
    origin: Origin
    mail: MailFact | None
    overrides: tuple[Override, ...]
    abuse_held: bool
    at: datetime


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """The results of all checks and the overall verdict. Invitations with the same facts share one object."""

    verdict: Verdict
    checks: list[Check]

    def as_json(self, checked_at: datetime) -> list[dict[str, Any]]:
        """The checks as JSON, for invitation rows and the API."""
        moment = rfc3339(checked_at)
        return [check.as_json(moment) for check in self.checks]


def evaluate(facts: Facts, *, lists: DomainLists, settings: Settings) -> Judgement:
    """Run every check on these facts. The most important checks for the reader come first."""
    (judgement,) = evaluate_all([facts], lists=lists, settings=settings)
    return judgement


def evaluate_all(many: Iterable[Facts], *, lists: DomainLists, settings: Settings) -> Iterator[Judgement]:
    """Run every check on many facts. Consecutive facts of one account that don't differ are judged only once."""
    before: Facts | None = None
    for facts in many:
        if before is None or not _same_account(facts, before):
            judged: dict[Any, Judgement] = {}
            policy = settings.proxy_policy_api_keys if facts.origin.by_program else settings.proxy_policy
            eligible = eligibility(facts, settings)
            abuse = check_abuse(held=facts.abuse_held)
            proxy = check_proxy(facts.origin, facts.overrides, policy, facts.at)
        alike = _shared_facts(facts)
        if alike not in judged:
            checks = [
                eligible,
                check_role(facts.role, facts.assignable),
                check_recipient(facts.address.shown, is_member=facts.is_member, already_invited=facts.already_invited),
                check_domain(facts.address, lists, facts.overrides, facts.mail, facts.at),
                proxy,
                *abuse,
            ]
            judged[alike] = Judgement(overall(checks, unknown=Verdict(settings.unknown_policy)), checks)
        yield judged[alike]
        before = facts


class Committed(Protocol):
    """An account's commitment at a time, from the contracts table and from the billing system."""

    @property
    def commitment(self) -> Commitment: ...
    @property
    def billed(self) -> Commitment: ...
    @property
    def at(self) -> datetime: ...


def eligibility(account: Committed, settings: Settings) -> Check:
    """Check the contract alone, by the billing system if one is configured, otherwise by the contracts table."""
    commitment = account.commitment if settings.billing_url is None else account.billed
    return check_eligibility(commitment, minimum=settings.minimum_commitment, now=account.at)


def _shared_facts(facts: Facts) -> tuple[Any, ...]:
    """Cache key for facts of one account. Addresses at one domain usually share a judgement."""
    alone = facts.is_member or facts.already_invited or not facts.address.shown.isascii()
    known = facts.address.shown if alone else None
    override = of_recipient(facts.overrides, facts.address)
    return facts.address.domain, facts.mail, override, facts.role, facts.assignable, facts.is_member, known


def _same_account(one: Facts, other: Facts) -> bool:
    return (
        one.commitment is other.commitment
        and one.billed is other.billed
        and one.origin is other.origin
        and one.overrides is other.overrides
        and one.abuse_held == other.abuse_held
        and one.at is other.at
    )
