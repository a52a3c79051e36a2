"""Exceptions to the lists: add, list and remove, each with an author, a reason and an optional end."""

from datetime import datetime
from ipaddress import ip_network
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import InstrumentedAttribute, Session

from shared import email_address
from shared.accounts import accounts
from shared.actor import Actor, ActorKind
from shared.audit import log as audit_log
from shared.audit.events import Action
from shared.checks.overrides import Override
from shared.email_address import BadAddress
from shared.errors import Invalid, NotFound, PermissionDenied
from shared.ids import new_id
from shared.models import PolicyException
from shared.policy import Effect, Subject

_EFFECTS, _SUBJECTS = frozenset(Effect), frozenset(Subject)


def add(
    session: Session,
    *,
    actor: Actor,
    account_id: str | None,
    effect: Effect,
    subject: Subject,
    value: str,
    reason: str,
    ends_at: datetime | None,
) -> PolicyException:
    """Add an exception for one account, or for all if `account_id` is None.

    Raises `Invalid` for a value that doesn't fit its subject. Only the operator can add an exception that allows
    something, because an account could otherwise exempt itself from every rule.
    """
    if effect is Effect.ALLOW and actor.kind is not ActorKind.OPERATOR:
        raise PermissionDenied(
            "An account can block domains, addresses and networks, and say which domains alone it invites to; only the "
            "operator lets something pass that the lists refuse. Nothing was changed.",
            permission="operator",
            remedy="Ask the operator for this exception, and say why.",
        )
    if account_id is not None:
        accounts.get(session, account_id)
    exception = PolicyException(
        id=new_id("exc"),
        account_id=account_id,
        effect=effect,
        subject=subject,
        value=_normal(effect, subject, value),
        reason=reason,
        author=actor.as_json(),
        ends_at=_in_future(session, ends_at),
    )
    session.add(exception)
    session.flush()
    _note(session, actor, Action.EXCEPTION_ADDED, exception)
    return exception


def remove(session: Session, *, actor: Actor, account_id: str | None, exception_id: str) -> None:
    """End an exception immediately. Raises `NotFound` if it doesn't exist or is already removed."""
    gone = (
        update(PolicyException)
        .where(
            PolicyException.id == exception_id,
            PolicyException.account_id.is_not_distinct_from(account_id),
            PolicyException.removed_at.is_(None),
        )
        .values(removed_at=func.now())
        .returning(PolicyException)
    )
    exception = session.scalars(gone.execution_options(populate_existing=True)).one_or_none()
    if exception is None:
        raise NotFound("There is no such exception here.")
    # An account can't lift a block that the operator set on it.
    if exception.author["kind"] == ActorKind.OPERATOR and actor.kind is not ActorKind.OPERATOR:
        raise PermissionDenied(
            "The operator has made this exception. Nothing was changed.",
            permission="operator",
            remedy="Ask the operator to remove it.",
        )
    _note(session, actor, Action.EXCEPTION_REMOVED, exception)


def list_overrides(session: Session, *, account_id: str | None, after: str, limit: int) -> list[PolicyException]:
    """Exceptions in force for one account, or for all if `account_id` is None, oldest first, after the id `after`."""
    query = select(PolicyException).where(
        PolicyException.account_id.is_not_distinct_from(account_id), _is_in_force(), PolicyException.id > after
    )
    return list(session.scalars(query.order_by(PolicyException.id).limit(limit)))


def in_force(account_id: ColumnElement[str] | InstrumentedAttribute[str]) -> ColumnElement[Any]:
    """SQL column with all exceptions that apply to an account, as JSON for `from_json`."""
    row = func.jsonb_build_array(
        PolicyException.id,
        PolicyException.effect,
        PolicyException.subject,
        PolicyException.value,
        PolicyException.account_id.is_not(None),
    )
    concerned = or_(PolicyException.account_id == account_id, PolicyException.account_id.is_(None))
    return (
        select(func.jsonb_agg(aggregate_order_by(row, PolicyException.id)))
        .where(concerned, _is_in_force())
        .scalar_subquery()
    )


def from_json(rows: list[Any] | None) -> tuple[Override, ...]:
    """Parse the column of `in_force` into overrides for the checks."""
    return tuple(
        Override(exception_id, Effect(effect), Subject(subject), value, of_account)
        for exception_id, effect, subject, value, of_account in rows or ()
        if effect in _EFFECTS and subject in _SUBJECTS
    )


def _is_in_force() -> ColumnElement[bool]:
    ongoing = or_(PolicyException.ends_at.is_(None), PolicyException.ends_at > func.now())
    return PolicyException.removed_at.is_(None) & ongoing


def _normal(effect: Effect, subject: Subject, value: str) -> str:
    """The value in its canonical form for comparison. Raises `Invalid`."""
    if effect is Effect.ONLY and subject is not Subject.DOMAIN:
        raise Invalid([("subject", "`only` is for domains.")])
    try:
        if subject is Subject.NETWORK:
            return str(ip_network(value.strip(), strict=False))
        if subject is Subject.ADDRESS:
            return email_address.parse(value).key
        star, name = ("*.", value.strip()[2:]) if value.strip().startswith("*.") else ("", value.strip())
        return star + email_address.parse(f"user@{name}").domain
    except BadAddress as error:
        raise Invalid([("value", f"Not the {subject} of a mailbox: {error}")]) from None
    except ValueError:
        raise Invalid([("value", "Not a network or an address, such as 192.0.2.0/24.")]) from None


def _in_future(session: Session, ends_at: datetime | None) -> datetime | None:
    if ends_at is not None and ends_at <= session.scalars(select(func.now())).one():
        raise Invalid([("ends_at", "Has to lie in the future.")])
    return ends_at


def _note(session: Session, actor: Actor, action: Action, exception: PolicyException) -> None:
    audit_log.record(
        session,
        actor,
        action,
        subject_id=exception.id,
        account_id=exception.account_id,
        effect=exception.effect,
        subject=exception.subject,
        value=exception.value,
        reason=exception.reason,
    )
