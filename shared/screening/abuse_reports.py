"""Abuse reports. Several recipients' reports put an account's new invitations on hold until the operator decides."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Text, bindparam, func, select, update
from sqlalchemy.orm import Session

from shared.actor import Actor
from shared.audit import log as audit_log
from shared.audit.events import Action
from shared.checks.abuse import CHECK, REPORTERS, check_abuse
from shared.checks.limits import folded
from shared.clock import rfc3339
from shared.db.predicates import in_literals
from shared.db.prepared import PreparedQuery
from shared.errors import Conflict, NotFound
from shared.ids import new_id
from shared.models import AbuseDecision, AbuseReport, Account, Delivery, Invitation, Job, JobKind, JobState, Status
from shared.screening import contracts

WITHIN = timedelta(days=30)
"""Only reports within this period count."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Number of reports that wait for the operator, and number of accounts on hold."""

    open_reports: int
    held_accounts: int


def report(session: Session, *, actor: Actor, invitation: Invitation, reason: str | None) -> None:
    """Record a recipient's report.

    The caller has locked the account's row, so that concurrent reports count correctly.
    """
    session.add(
        AbuseReport(
            id=new_id("rep"),
            account_id=invitation.account_id,
            invitation_id=invitation.id,
            invited_by=invitation.invited_by,
            email=invitation.email,
            reporter_key=folded(invitation.address),
            reason=reason,
        )
    )
    session.flush()
    account = session.get_one(Account, invitation.account_id, populate_existing=True)
    if account.abuse_held_at is None and _reporters(session, account.id) >= REPORTERS:
        account.abuse_held_at = func.now()
        session.flush()
        held = _hold_unsent(session, actor, account.id)
        audit_log.record(
            session,
            actor,
            Action.ACCOUNT_ABUSE_HELD,
            subject_id=account.id,
            account_id=account.id,
            invitations=len(held),
        )


def decide(session: Session, *, actor: Actor, account_id: str, decision: AbuseDecision, reason: str) -> Account:
    """Close the account's open reports with the operator's decision.

    `clear` lifts the hold and checks held invitations again. `keep` leaves the account on hold or puts it on hold.
    Raises `NotFound`, or `Conflict` if there is nothing to decide.
    """
    account = session.get(Account, account_id, with_for_update={"key_share": True}, populate_existing=True)
    if account is None:
        raise NotFound("There is no such account.")
    closed = session.execute(
        update(AbuseReport)
        .where(AbuseReport.account_id == account_id, AbuseReport.decided_at.is_(None))
        .values(decision=decision, decided_at=func.now(), decision_reason=reason)
        .returning(AbuseReport.id)
    ).all()
    if not closed and account.abuse_held_at is None:
        raise Conflict("nothing_to_decide", "This account has no open reports and is not on hold.")
    if decision is AbuseDecision.CLEAR:
        account.abuse_held_at = None
        session.flush()
        contracts.judge_held_again(session, account_id)
    elif account.abuse_held_at is None:
        account.abuse_held_at = func.now()
        session.flush()
        _hold_unsent(session, actor, account_id)
    audit_log.record(
        session,
        actor,
        Action.ACCOUNT_ABUSE_DECIDED,
        subject_id=account_id,
        account_id=account_id,
        decision=decision,
        reason=reason,
        reports=len(closed),
    )
    return account


def reports(
    session: Session, *, account_id: str | None, is_open: bool | None, before: str | None, limit: int
) -> list[tuple[AbuseReport, Account]]:
    """A page of reports with their accounts, newest first, before the id `before`."""
    query = select(AbuseReport, Account).join(Account, Account.id == AbuseReport.account_id)
    if account_id is not None:
        query = query.where(AbuseReport.account_id == account_id)
    if is_open is not None:
        query = query.where(AbuseReport.decided_at.is_(None) if is_open else AbuseReport.decided_at.is_not(None))
    if before is not None:
        query = query.where(AbuseReport.id < before)
    return [(found, account) for found, account in session.execute(query.order_by(AbuseReport.id.desc()).limit(limit))]


def figures(session: Session) -> Figures:
    """Numbers of open reports and held accounts."""
    waiting = session.scalar(select(func.count()).select_from(AbuseReport).where(AbuseReport.decided_at.is_(None)))
    reported = select(AbuseReport.account_id)
    held = session.scalar(select(func.count()).where(Account.abuse_held_at.is_not(None), Account.id.in_(reported)))
    return Figures(waiting or 0, held or 0)


def _reporters(session: Session, account_id: str) -> int:
    counted = select(func.count(AbuseReport.reporter_key.distinct())).where(
        AbuseReport.account_id == account_id,
        AbuseReport.decided_at.is_(None),
        AbuseReport.reported_at > func.now() - WITHIN,
    )
    return session.scalar(counted) or 0


def _hold_unsent(session: Session, actor: Actor, account_id: str) -> list[Invitation]:
    """Put on hold the account's invitations whose email no worker has started to send, and cancel those emails."""
    cancelled = {subject_id for (subject_id,) in _CANCEL.fetch(session, account_id=account_id)}
    query = select(Invitation).where(
        Invitation.id.in_(cancelled),
        in_literals(Invitation.status, Status.PENDING),
        Invitation.delivery == Delivery.QUEUED,
    )
    held = list(session.scalars(query.order_by(Invitation.id).with_for_update()))
    (check,) = check_abuse(held=True)
    for invitation in held:
        invitation.status, invitation.delivery = Status.HELD, Delivery.NONE
        now = session.scalars(select(func.now())).one()
        invitation.checks = [
            *(each for each in invitation.checks if each["check"] != CHECK),
            check.as_json(rfc3339(now)),
        ]
        audit_log.record(
            session,
            actor,
            Action.INVITATION_HELD,
            subject_id=invitation.id,
            account_id=account_id,
            reasons=[reason.as_json() for reason in check.reasons],
        )
    return held


_CANCEL = PreparedQuery(
    update(Job)
    .where(
        Job.account_id == bindparam("account_id", type_=Text()),
        Job.kind == JobKind.INVITATION_MAIL,
        in_literals(Job.state, JobState.QUEUED),
    )
    .values(state=JobState.CANCELLED, finished_at=func.now(), last_error="The account was reported for abuse.")
    .returning(Job.subject_id)
)
