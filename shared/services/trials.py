"""Tries invitations out: what would come of each, by the one evaluator, with nothing recorded and nothing sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, literal, select
from sqlalchemy.orm import Session

from shared.actor import Actor
from shared.checks.abuse import check_abuse
from shared.checks.evaluate import Facts, evaluate
from shared.checks.limits import Usage, admit, exhausted
from shared.checks.proxy import check_proxy
from shared.checks.recipient import already_invited, email_invalid
from shared.checks.verdict import Verdict, reasons_of
from shared.email_address import BadAddress, EmailAddress, parse
from shared.errors import Reason
from shared.permissions import Role
from shared.services import contracts, exceptions, facts, origins, usage
from shared.services.rules import Rules
from shared.services.usage import Bounds


@dataclass(frozen=True, slots=True)
class Trial:
    """What would come of an invitation."""

    verdict: Verdict
    reasons: list[Reason]
    checks: list[dict[str, Any]]


def try_out(
    session: Session, *, actor: Actor, rules: Rules, account_id: str, asked: Sequence[tuple[str, Role]]
) -> list[Trial]:
    """What would come of inviting each of these, one after the other; nobody is asked but the database."""
    parsed = [_parsed(email) for email, _ in asked]
    good = [(found, role) for found, (_, role) in zip(parsed, asked, strict=True) if isinstance(found, EmailAddress)]
    ground, abouts = facts.about_all(session, actor, origins.of(actor, rules), account_id=account_id, meant=good)
    bounds = Bounds.of(rules.settings, ground, actor, account_id=account_id)
    used = usage.look(session, bounds, [address for address, _ in good])
    judged = iter(abouts)
    invited: set[str] = set()
    trials = []
    for found in parsed:
        if isinstance(found, Reason):
            trials.append(Trial(Verdict.DENY, [found], []))
            continue
        trial = _trial(next(judged), rules, invited)
        if trial.verdict is not Verdict.DENY:
            trial = _within_limits(trial, found, bounds, used)
        if trial.verdict is not Verdict.DENY:
            invited.add(found.key)
        trials.append(trial)
    return trials


def _trial(about: Facts, rules: Rules, invited: set[str]) -> Trial:
    if about.address.key in invited:
        return Trial(Verdict.DENY, [already_invited(about.address.shown)], [])
    judgement = evaluate(about, lists=rules.lists, settings=rules.settings)
    checks = judgement.as_json(about.at)
    return Trial(judgement.verdict, reasons_of(judgement.checks), checks)


def _within_limits(trial: Trial, address: EmailAddress, bounds: Bounds, used: Usage) -> Trial:
    (refusal,) = admit([address], bounds.limits, bounds.per_recipient, used)
    return trial if refusal is None else Trial(Verdict.DENY, refusal.reasons, trial.checks)


def _parsed(email: str) -> EmailAddress | Reason:
    try:
        return parse(email)
    except BadAddress as error:
        return email_invalid(str(error))


def in_the_way(session: Session, *, actor: Actor, rules: Rules, account_id: str) -> list[Reason]:
    """What would stop whomever this actor invited from where they are.

    That is the contract, the network they call from, a limit on inviting, or reports of abuse.
    """
    eligible, _ = contracts.judge(session, rules=rules, account_id=account_id)
    rows, now = session.execute(select(exceptions.in_force(literal(account_id)), func.now())).one()
    origin, exempt = origins.of(actor, rules), exceptions.from_json(rows)
    proxy = check_proxy(origin, exempt, rules.settings.proxy_policy, now)
    reasons = reasons_of([eligible, proxy], Verdict.DENY, Verdict.HOLD)
    return reasons + of_account(session, actor=actor, rules=rules, account_id=account_id)


def of_account(session: Session, *, actor: Actor, rules: Rules, account_id: str) -> list[Reason]:
    """What stops or holds everybody whom this actor invites into the account, beside its contract."""
    ground = facts.ground(session, account_id=account_id)
    bounds = Bounds.of(rules.settings, ground, actor, account_id=account_id)
    return reasons_of(check_abuse(held=ground.abuse_held)) + exhausted(bounds.limits, usage.look(session, bounds, []))
