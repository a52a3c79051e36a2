"""Imports: what comes of each row of a list, in its order. A row that has a flaw reaches no check."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

from sqlalchemy.orm import Session

from shared.actor import Actor
from shared.checks.verdict import Verdict
from shared.db import Asked
from shared.email_address import BadAddress, parse
from shared.errors import Refused
from shared.imports import reasons
from shared.imports.reading import Row
from shared.permissions import Role
from shared.services import inviting, trials
from shared.services.inviting import Outcome, Wish
from shared.services.rules import Rules
from shared.services.trials import Trial

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
    asked: Asked, *, actor: Actor, rules: Rules, account_id: str, rows: Sequence[Row], terms: Terms
) -> list[Outcome]:
    """Invite everybody in settled rows, `inviting.MOST` at a time; the outcome of each row, in their order."""

    def invite(wishes: Sequence[Wish]) -> list[Outcome]:
        return inviting.invite_all(asked, actor=actor, rules=rules, account_id=account_id, wishes=wishes)

    return _each(rows, terms, invite, lambda flaw: flaw)


def try_rows(session: Session, *, actor: Actor, rules: Rules, account_id: str, rows: Sequence[Row]) -> list[Trial]:
    """What would come of inviting everybody in settled rows; nothing is recorded or sent."""

    def try_out(wishes: Sequence[Wish]) -> list[Trial]:
        asked = [(wish.email, wish.role) for wish in wishes]
        return trials.try_out(session, actor=actor, rules=rules, account_id=account_id, asked=asked)

    return _each(rows, Terms(), try_out, lambda flaw: Trial(Verdict.DENY, flaw.reasons, []))


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
    decide: Callable[[Sequence[Wish]], list[Result]],
    refuse: Callable[[Refused], Result],
) -> list[Result]:
    """The results of all rows: of those with a flaw by `refuse`, of the others by one call of `decide`."""
    wishes = [wish for row in rows if (wish := _wish(row, terms))]
    decided = iter(decide(wishes) if wishes else [])
    return [refuse(Refused([row.flaw])) if row.flaw else next(decided) for row in rows]


def _wish(row: Row, terms: Terms) -> Wish | None:
    if row.flaw or row.role is None:
        return None
    return Wish(row.email, row.role, row.message or terms.message, terms.lifetime, terms.locale)
