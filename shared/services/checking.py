"""Judges invitations before they are mailed, by the same evaluator on the facts of that moment, and tries it out."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func
from sqlalchemy.orm import Session

from shared.actor import SYSTEM, Actor
from shared.checks.evaluate import Facts, Judgement, evaluate
from shared.checks.recipient import already_invited, email_invalid
from shared.checks.verdict import Check, Verdict, reasons_of
from shared.email_address import BadAddress, EmailAddress, parse
from shared.errors import Reason
from shared.models import Delivery, Invitation, JobKind, Status
from shared.permissions import Role
from shared.services import facts, invitations, jobs
from shared.services.rules import Rules

ASK_AGAIN = timedelta(minutes=1)
"""How long an invitation that is held for want of facts waits until they are asked for again."""


def judge(session: Session, *, rules: Rules, invitation_ids: Collection[str]) -> None:
    """Check these invitations and record what came of it: a mail promised, held, or blocked with its reasons.

    One that has moved on meanwhile (revoked, released, judged by a worker that then died) is left as it is.
    """
    for invitation, about in facts.about_each(session, invitation_ids):
        # One whose inviter has lost the right waits for somebody to answer for it, whatever the checks say.
        orphaned = invitation.status == Status.HELD and about.role not in about.assignable
        if invitation.status in {Status.CHECKING, Status.HELD} and not orphaned:
            _record(session, invitation, about, evaluate(about, lists=rules.lists, settings=rules.settings))


def let_through(session: Session, invitation: Invitation) -> None:
    """Make the invitation pending, and promise its mail."""
    invitation.status, invitation.delivery = Status.PENDING, Delivery.QUEUED
    jobs.promise(
        session,
        JobKind.INVITATION_MAIL,
        subject_id=invitation.id,
        account_id=invitation.account_id,
        generation=invitation.generation,
    )


@dataclass(frozen=True, slots=True)
class Trial:
    """What would come of an invitation."""

    verdict: Verdict
    reasons: list[Reason]
    checks: list[dict[str, object]]


def try_out(
    session: Session, *, actor: Actor, rules: Rules, account_id: str, asked: Sequence[tuple[str, Role]]
) -> list[Trial]:
    """What would come of inviting each of these; nothing is recorded, and nobody is asked but the database."""
    parsed = [_parsed(email) for email, _ in asked]
    good = [(found, role) for found, (_, role) in zip(parsed, asked, strict=True) if isinstance(found, EmailAddress)]
    judged = iter(list(facts.about_all(session, actor=actor, rules=rules, account_id=account_id, asked=good)))
    seen: set[str] = set()
    trials = []
    for found in parsed:
        if isinstance(found, Reason):
            trials.append(Trial(Verdict.DENY, [found], []))
            continue
        about = next(judged)
        trials.append(_second(about) if found.key in seen else _trial(about, rules))
        seen.add(found.key)
    return trials


def _record(session: Session, invitation: Invitation, about: Facts, judgement: Judgement) -> None:
    invitation.checks = [check.as_json(about.at) for check in judgement.checks]
    if judgement.verdict is Verdict.DENY:
        invitation.status, invitation.ended_at = Status.BLOCKED, about.at
        _note(session, "invitation.blocked", invitation, judgement.checks, Verdict.DENY)
    elif judgement.verdict is Verdict.HOLD:
        _hold(session, invitation, judgement.checks)
    else:
        let_through(session, invitation)
        invitations.note(session, SYSTEM, "invitation.checked", invitation, verdict=judgement.verdict)


def _hold(session: Session, invitation: Invitation, checks: list[Check]) -> None:
    """Have the invitation wait for a person; where only facts were wanting, for these as well."""
    if invitation.status != Status.HELD:
        invitation.status = Status.HELD
        _note(session, "invitation.held", invitation, checks, Verdict.HOLD, Verdict.UNKNOWN)
    only_wanting = all(check.verdict is not Verdict.HOLD for check in checks)
    if only_wanting and not jobs.is_waiting(session, JobKind.INVITATION_CHECK, subject_id=invitation.id):
        again = jobs.promise(
            session,
            JobKind.INVITATION_CHECK,
            subject_id=invitation.id,
            account_id=invitation.account_id,
            generation=invitation.generation,
        )
        again.due_at = again.ring_at = func.now() + ASK_AGAIN


def _note(session: Session, action: str, invitation: Invitation, checks: list[Check], *verdicts: Verdict) -> None:
    reasons = [reason.as_json() for reason in reasons_of(checks, *verdicts)]
    invitations.note(session, SYSTEM, action, invitation, reasons=reasons)


def _trial(about: Facts, rules: Rules) -> Trial:
    judgement = evaluate(about, lists=rules.lists, settings=rules.settings)
    checks = [check.as_json(about.at) for check in judgement.checks]
    return Trial(judgement.verdict, reasons_of(judgement.checks), checks)


def _second(about: Facts) -> Trial:
    """An address that stands in the same trial before: the first of the two would be in its way."""
    return Trial(Verdict.DENY, [already_invited(about.address.shown)], [])


def _parsed(email: str) -> EmailAddress | Reason:
    try:
        return parse(email)
    except BadAddress as error:
        return email_invalid(str(error))
