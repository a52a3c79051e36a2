"""Invitations from the account's side, after creation: resend, revoke, find and list."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from msgspec import Raw
from sqlalchemy import ColumnElement, Integer, Text, bindparam, case, cast, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session

from shared.actor import Actor
from shared.audit import log as audit_log
from shared.audit.events import Action
from shared.checks.membership import already_invited
from shared.db.autocommit import SessionOrConnection
from shared.db.prepared import PreparedQuery
from shared.db.text_search import holding_words
from shared.db.transaction import violated_constraint
from shared.errors import Conflict, NotFound, Refused, TooSoon
from shared.invitations import create, limits, links, sponsors, usage
from shared.jobs import queue
from shared.models import OPEN, Delivery, Invitation, JobKind, Status, SupersededLink
from shared.permissions import Role
from shared.policy_context import PolicyContext
from shared.screening import facts, request_origin, unsent_emails

RESENDABLE = (Status.PENDING, Status.EXPIRED)
"""Statuses from which an invitation can be resent. Resending reopens an expired one."""


def resend(session: Session, *, actor: Actor, policy: PolicyContext, account_id: str, invitation_id: str) -> Invitation:
    """Resend the invitation with a new link. The previous link no longer works.

    Raises `NotFound`, `TooSoon` within the resend cooldown, `LimitReached` beyond a limit on inviting, `Refused` if the
    instant checks now deny it, and `Conflict` if the invitation has ended in any way except expiry.
    """
    invitation = get(session, account_id=account_id, invitation_id=invitation_id, lock=True)
    _refuse_early(session, invitation)
    about = facts.facts_of(
        session,
        actor=actor,
        policy=policy,
        account_id=account_id,
        address=invitation.address,
        role=Role.from_row(invitation.role),
        except_invitation_id=invitation.id,
    )
    judgement = create.require_passed(about, policy)
    sponsors.take_over_orphaned(session, actor=actor, invitation=invitation)
    _count(session, actor, policy, invitation)
    session.add(SupersededLink(link_hash=invitation.link_hash, invitation_id=invitation.id))
    invitation.generation += 1
    invitation.link_hash = links.hash_of(policy, invitation.id, invitation.generation)
    invitation.status, invitation.delivery = Status.CHECKING, Delivery.NONE
    invitation.origin = request_origin.as_json(about.origin)
    invitation.checks = judgement.as_json(about.at)
    invitation.resendable_at = func.now() + policy.settings.resend_cooldown
    invitation.expires_at = func.now() + timedelta(seconds=invitation.lifetime_seconds)
    invitation.ended_at = None
    _flush_open(session, invitation)
    _enqueue_check(session, invitation)
    record_event(session, actor, Action.INVITATION_RESENT, invitation, generation=invitation.generation)
    return invitation


def revoke(session: Session, *, actor: Actor, account_id: str, invitation_id: str) -> Invitation:
    """Revoke an open invitation. Its link no longer works. Raises `NotFound`, or `Conflict` if it has ended.

    If no email for it was started, none counts against the recipient's limit.
    """
    invitation = get(session, account_id=account_id, invitation_id=invitation_id, lock=True)
    if invitation.status not in OPEN:
        raise closed(invitation)
    unsent_emails.give_back(session, [invitation])
    invitation.status, invitation.ended_at = Status.REVOKED, func.now()
    session.flush()
    record_event(session, actor, Action.INVITATION_REVOKED, invitation)
    return invitation


def get(session: Session, *, account_id: str, invitation_id: str, lock: bool = False) -> Invitation:
    """The invitation with this id. `lock` locks its row until the transaction ends. Raises `NotFound`."""
    query = select(Invitation).where(Invitation.account_id == account_id, Invitation.id == invitation_id)
    query = query.execution_options(populate_existing=True)
    invitation = session.scalars(query.with_for_update() if lock else query).one_or_none()
    if invitation is None:
        raise NotFound("There is no such invitation in this account.")
    return invitation


def list_newest(
    connection: SessionOrConnection, *, account_id: str, before: str | None, limit: int
) -> list[dict[str, Any]]:
    """A page of the account's invitations, newest first, before the id `before`, ready for JSON."""
    return _as_json(_NEWEST.fetch(connection, account_id=account_id, before=before or _LAST, most=limit))


def search(
    session: Session,
    *,
    account_id: str,
    status: Status | None,
    delivery: Delivery | None,
    q: str | None,
    before: str | None,
    limit: int,
) -> list[dict[str, Any]]:
    """A page of matching invitations, newest first, before the id `before`, ready for JSON.

    `q` is part of an address.
    """
    query = select(*_COLUMNS).where(Invitation.account_id == account_id, Invitation.id < (before or _LAST))
    if status is not None:
        query = query.where(Invitation.status == status)
    if delivery is not None:
        query = query.where(Invitation.delivery == delivery)
    if q:
        query = query.where(*holding_words(Invitation.email, q))
    return _as_json(session.execute(query.order_by(Invitation.id.desc()).limit(limit)))


def closed(invitation: Invitation) -> Conflict:
    """The error for an invitation whose status doesn't allow the action."""
    return Conflict(
        "invitation_closed",
        f"The invitation is {invitation.status}, so nothing was changed.",
        remedy="Invite the address anew." if invitation.status not in OPEN else "Wait until its checks are done.",
    )


def record_event(session: Session, actor: Actor, action: Action, invitation: Invitation, **data: object) -> None:
    """Record an event in the audit log and so in the invitation's timeline."""
    audit_log.record(session, actor, action, subject_id=invitation.id, account_id=invitation.account_id, **data)


def _as_json(rows: Iterable[Any]) -> list[dict[str, Any]]:
    """Rows as dictionaries. Their checks, nine tenths of the data, stay the JSON text that PostgreSQL returned."""
    named = [dict(zip(_NAMES, row, strict=True)) for row in rows]
    return [row | {"checks": Raw(row["checks"])} for row in named]


def _refuse_early(session: Session, invitation: Invitation) -> None:
    if invitation.status not in {*RESENDABLE, Status.CHECKING}:
        raise closed(invitation)
    seconds = session.scalar(select(func.extract("epoch", invitation.resendable_at - func.now())))
    if invitation.status == Status.CHECKING or (seconds or 0) > 0:
        raise TooSoon(
            "resend_too_soon",
            f"{invitation.email} was invited a moment ago. Nothing was sent.",
            retry_after=max(1, int(seconds or 0) + 1),
            remedy="Wait as long as Retry-After says, then resend.",
        )


def _count(session: Session, actor: Actor, policy: PolicyContext, invitation: Invitation) -> None:
    bounds = limits.bounds_of(session, actor=actor, policy=policy, account_id=invitation.account_id)
    usage.count_resend(session, bounds, invitation.address, opens=invitation.status == Status.EXPIRED)


def _enqueue_check(session: Session, invitation: Invitation) -> None:
    queue.enqueue(
        session,
        JobKind.INVITATION_CHECK,
        subject_id=invitation.id,
        account_id=invitation.account_id,
        generation=invitation.generation,
    )


def _flush_open(session: Session, invitation: Invitation) -> None:
    """Flush a reopened invitation. Raises `Refused` if another open one for the address appeared meanwhile."""
    try:
        session.flush()
    except IntegrityError as error:
        if violated_constraint(error) != "uq_invitations_open":
            raise
        raise Refused([already_invited(invitation.email)]) from error


_LAST = "~"
"""Sorts after every id."""

_COLUMNS: tuple[ColumnElement[Any] | InstrumentedAttribute[Any], ...] = (
    *(Invitation.id, Invitation.account_id, Invitation.email, Invitation.role, Invitation.status, Invitation.delivery),
    *(Invitation.invited_by, Invitation.message, Invitation.created_at, Invitation.expires_at),
    *(Invitation.sent_count, Invitation.last_sent_at, cast(Invitation.checks, Text).label("checks")),
    case((Invitation.status == Status.ACCEPTED, Invitation.ended_at)).label("accepted_at"),
)
_NAMES = [str(column.key) for column in _COLUMNS]
_NEWEST = PreparedQuery(
    select(*_COLUMNS)
    .where(Invitation.account_id == bindparam("account_id"), Invitation.id < bindparam("before"))
    .order_by(Invitation.id.desc())
    .limit(bindparam("most", type_=Integer()))
)
