"""The one evaluator behind every door: inviting, the dry run, the worker's second look, resending and acceptance."""

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
    """All that a judgement of one invitation rests on, gathered at one moment (`at`, in UTC).

    `commitment` is what our own table says of the contract, `billed` what the operator's billing system does.
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
    """What the checks said, and what they come to together. Of many that were judged alike, it is one and the same."""

    verdict: Verdict
    checks: list[Check]

    def as_json(self, checked_at: datetime) -> list[dict[str, Any]]:
        """The checks as rows and the API keep them."""
        moment = rfc3339(checked_at)
        return [check.as_json(moment) for check in self.checks]


def evaluate(facts: Facts, *, lists: DomainLists, settings: Settings) -> Judgement:
    """Run every check on these facts; the order is that in which a person would want to hear of them."""
    (judgement,) = evaluate_all([facts], lists=lists, settings=settings)
    return judgement


def evaluate_all(many: Iterable[Facts], *, lists: DomainLists, settings: Settings) -> Iterator[Judgement]:
    """The same of many: what rests on the same ground, and is like another there, is judged once."""
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
    """What is known of an account's commitment at a moment: by our own table, and by the billing system."""

    @property
    def commitment(self) -> Commitment: ...
    @property
    def billed(self) -> Commitment: ...
    @property
    def at(self) -> datetime: ...


def eligibility(account: Committed, settings: Settings) -> Check:
    """Judge the contract alone, by the billing system where there is one, and else by our own table."""
    commitment = account.commitment if settings.billing_url is None else account.billed
    return check_eligibility(commitment, minimum=settings.minimum_commitment, now=account.at)


def _shared_facts(facts: Facts) -> tuple[Any, ...]:
    """What a judgement rests on beside its ground: a colleague of somebody who was just judged is judged alike."""
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
