"""The one evaluator behind every door: inviting, the dry run, the worker's second look, resending and acceptance."""

from dataclasses import dataclass
from datetime import datetime

from shared.checks.domain import DomainLists, check_domain
from shared.checks.eligibility import Commitment, check_eligibility
from shared.checks.exceptions import Exemption
from shared.checks.mail_domain import MailFact
from shared.checks.networks import Origin
from shared.checks.proxy import check_proxy
from shared.checks.recipient import check_recipient, check_role
from shared.checks.verdict import Check, Verdict, overall
from shared.config import Settings
from shared.email_address import EmailAddress
from shared.permissions import Role


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
    exemptions: tuple[Exemption, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the checks said, and what they come to together."""

    verdict: Verdict
    checks: list[Check]


def evaluate(facts: Facts, *, lists: DomainLists, settings: Settings) -> Judgement:
    """Run every check on these facts; the order is that in which a person would want to hear of them."""
    policy = settings.proxy_policy_api_keys if facts.origin.by_program else settings.proxy_policy
    checks = [
        eligibility(facts, settings),
        check_role(facts.role, facts.assignable),
        check_recipient(facts.address.shown, is_member=facts.is_member, already_invited=facts.already_invited),
        check_domain(facts.address, lists, facts.exemptions, facts.mail, facts.at),
        check_proxy(facts.origin, facts.exemptions, policy, facts.at),
    ]
    return Judgement(overall(checks, unknown=Verdict(settings.unknown_policy)), checks)


def eligibility(facts: Facts, settings: Settings) -> Check:
    """Judge the contract alone, by the billing system where there is one, and else by our own table."""
    commitment = facts.commitment if settings.billing_url is None else facts.billed
    return check_eligibility(commitment, minimum=settings.minimum_commitment, now=facts.at)
