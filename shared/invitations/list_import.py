"""Imports: what comes of each row of a list, in its order. A row that has a flaw reaches no check."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

from sqlalchemy.orm import Session

from shared.actor import Actor
from shared.checks.verdict import Verdict
from shared.db.autocommit import SessionOrConnection
from shared.email_address import BadAddress, parse
from shared.errors import Refused
from shared.invitations import create, dry_run
from shared.invitations.create import InvitationRequest, InviteResult
from shared.invitations.dry_run import DryRunResult
from shared.permissions import Role
from shared.policy_context import PolicyContext
from shared.recipient_lists import reasons
from shared.recipient_lists.reading import Row

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Terms:
    """What all rows of an import have in common; `message` is for rows that have none of their own."""

    message: str | None = None
    lifetime: timedelta | None = None
    locale: str = "en"


def settled(rows: Iterable[Row], *, role: Role | None) -> list[Row]:
    """The rows of a whole list, each with a role or a flaw, and each address without a flaw once.

    `role` is for rows that have none; without it they are refused. It is never given in place of an unknown role.
    """
    lines: dict[str, int] = {}
    return [_settled(row, role, lines) for row in rows]


def invite_rows(
    connection: SessionOrConnection,
    *,
    actor: Actor,
    policy: PolicyContext,
    account_id: str,
    rows: Sequence[Row],
    terms: Terms,
) -> list[InviteResult]:
    """Invite everybody in settled rows, `inviting.MOST` at a time; the outcome of each row, in their order."""

    def invite(requests: Sequence[InvitationRequest]) -> list[InviteResult]:
        return create.invite_all(connection, actor=actor, policy=policy, account_id=account_id, requests=requests)

    return _each(rows, terms, invite, lambda flaw: flaw)


def try_rows(
    session: Session, *, actor: Actor, policy: PolicyContext, account_id: str, rows: Sequence[Row]
) -> list[DryRunResult]:
    """What would come of inviting everybody in settled rows; nothing is recorded or sent."""

    def try_out(requests: Sequence[InvitationRequest]) -> list[DryRunResult]:
        asked = [(request.email, request.role) for request in requests]
        return dry_run.dry_run(session, actor=actor, policy=policy, account_id=account_id, recipients=asked)

    return _each(rows, Terms(), try_out, lambda flaw: DryRunResult(Verdict.DENY, flaw.reasons, []))


def _settled(row: Row, role: Role | None, lines: dict[str, int]) -> Row:
    if row.flaw:
        return row
    if row.role is None and role is None:
        return replace(row, flaw=reasons.role_missing())
    try:
        key = parse(row.email).key
    except BadAddress:
        key = row.email
    first = lines.get(key)
    lines.setdefault(key, row.line)
    return replace(row, role=row.role or role, flaw=reasons.same_address(first) if first else None)


def _each(
    rows: Sequence[Row],
    terms: Terms,
    decide: Callable[[Sequence[InvitationRequest]], list[Result]],
    refuse: Callable[[Refused], Result],
) -> list[Result]:
    """The results of all rows: of those with a flaw by `refuse`, of the others by one call of `decide`."""
    requests = [request for row in rows if (request := _request(row, terms))]
    decided = iter(decide(requests) if requests else [])
    return [refuse(Refused([row.flaw])) if row.flaw else next(decided) for row in rows]


def _request(row: Row, terms: Terms) -> InvitationRequest | None:
    if row.flaw or row.role is None:
        return None
    return InvitationRequest(row.email, row.role, row.message or terms.message, terms.lifetime, terms.locale)
