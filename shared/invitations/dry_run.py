"""Dry runs of invitations. They use the same evaluator, record nothing and send nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, literal, select
from sqlalchemy.orm import Session

from shared.actor import Actor
from shared.checks.abuse import check_abuse
from shared.checks.evaluate import Facts, evaluate
from shared.checks.limits import Usage, admit, exhausted
from shared.checks.membership import already_invited, email_invalid
from shared.checks.proxy import check_proxy
from shared.checks.verdict import Verdict, reasons_of
from shared.email_address import BadAddress, EmailAddress, parse
from shared.errors import Reason
from shared.invitations import usage
from shared.invitations.usage import Bounds
from shared.permissions import Role
from shared.policy_context import PolicyContext
from shared.screening import contracts, facts, overrides, request_origin


@dataclass(frozen=True, slots=True)
class DryRunResult:
    """The expected result for one invitation."""

    verdict: Verdict
    reasons: list[Reason]
    checks: list[dict[str, Any]]


def dry_run(
    session: Session, *, actor: Actor, policy: PolicyContext, account_id: str, recipients: Sequence[tuple[str, Role]]
) -> list[DryRunResult]:
    """The result of inviting each recipient, one after the other. Uses only the database, without external lookups."""
    parsed = [_parsed(email) for email, _ in recipients]
    good = [
        (found, role) for found, (_, role) in zip(parsed, recipients, strict=True) if isinstance(found, EmailAddress)
    ]
    ground, abouts = facts.facts_of_all(
        session, actor, request_origin.of(actor, policy), account_id=account_id, recipients=good
    )
    bounds = Bounds.of(policy.settings, ground, actor, account_id=account_id)
    used = usage.look(session, bounds, [address for address, _ in good])
    judged = iter(abouts)
    invited: set[str] = set()
    results = []
    for found in parsed:
        if isinstance(found, Reason):
            results.append(DryRunResult(Verdict.DENY, [found], []))
            continue
        result = _result_of(next(judged), policy, invited)
        if result.verdict is not Verdict.DENY:
            result = _within_limits(result, found, bounds, used)
        if result.verdict is not Verdict.DENY:
            invited.add(found.key)
        results.append(result)
    return results


def _result_of(about: Facts, policy: PolicyContext, invited: set[str]) -> DryRunResult:
    if about.address.key in invited:
        return DryRunResult(Verdict.DENY, [already_invited(about.address.shown)], [])
    judgement = evaluate(about, lists=policy.lists, settings=policy.settings)
    checks = judgement.as_json(about.at)
    return DryRunResult(judgement.verdict, reasons_of(judgement.checks), checks)


def _within_limits(result: DryRunResult, address: EmailAddress, bounds: Bounds, used: Usage) -> DryRunResult:
    (refusal,) = admit([address], bounds.limits, bounds.per_recipient, used)
    return result if refusal is None else DryRunResult(Verdict.DENY, refusal.reasons, result.checks)


def _parsed(email: str) -> EmailAddress | Reason:
    try:
        return parse(email)
    except BadAddress as error:
        return email_invalid(str(error))


def reasons_not_to_invite(session: Session, *, actor: Actor, policy: PolicyContext, account_id: str) -> list[Reason]:
    """Reasons that would currently block or hold every invitation by this actor.

    They come from the contract, the network of the request, the limits on inviting, and abuse reports.
    """
    eligible, _ = contracts.check_account(session, policy=policy, account_id=account_id)
    rows, now = session.execute(select(overrides.in_force(literal(account_id)), func.now())).one()
    origin, exempt = request_origin.of(actor, policy), overrides.from_json(rows)
    proxy = check_proxy(origin, exempt, policy.settings.proxy_policy, now)
    reasons = reasons_of([eligible, proxy], Verdict.DENY, Verdict.HOLD)
    return reasons + of_account(session, actor=actor, policy=policy, account_id=account_id)


def of_account(session: Session, *, actor: Actor, policy: PolicyContext, account_id: str) -> list[Reason]:
    """Reasons that block or hold every invitation by this actor, other than the contract and the network."""
    ground = facts.ground(session, account_id=account_id)
    bounds = Bounds.of(policy.settings, ground, actor, account_id=account_id)
    return reasons_of(check_abuse(held=ground.abuse_held)) + exhausted(bounds.limits, usage.look(session, bounds, []))
