"""Who belongs to an account, and with which role."""

import re
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, literal_column, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.actor import Actor
from shared.ids import new_id
from shared.models import Account, Membership, User
from shared.models.user import WORDS
from shared.permissions import Role
from shared.services import audit

# As the index has it: words are taken as they are written, in whatever language.
_WORDS: ColumnElement[Any] = literal_column(WORDS.text)
_AS_WRITTEN: ColumnElement[Any] = literal_column("'simple'")

SEEN_EVERY = timedelta(minutes=1)
"""How fine `last_seen_at` is: a member's reading writes no more often than this."""


def place(session: Session, *, account_id: str, user_id: str) -> tuple[Role, bool] | None:
    """The role of this user in the account and whether `seen` is due; None for a stranger."""
    due = or_(Membership.last_seen_at.is_(None), Membership.last_seen_at < func.now() - SEEN_EVERY)
    query = select(Membership.role, due).where(*_place(account_id, user_id))
    found = session.execute(query).one_or_none()
    return None if found is None else (Role(found[0]), found[1])


def seen(session: Session, *, account_id: str, user_id: str) -> None:
    """Note that the member was here just now."""
    session.execute(update(Membership).where(*_place(account_id, user_id)).values(last_seen_at=func.now()))


def join(session: Session, *, actor: Actor, account_id: str, user_id: str, role: Role) -> Membership:
    """Make the user a member; somebody who is one already stays as they are."""
    fresh = insert(Membership).values(id=new_id("mem"), account_id=account_id, user_id=user_id, role=role)
    made = fresh.on_conflict_do_nothing(index_elements=[Membership.account_id, Membership.user_id])
    membership = session.scalars(made.returning(Membership)).one_or_none()
    if membership is None:
        return session.scalars(select(Membership).where(*_place(account_id, user_id))).one()
    audit.record(
        session, actor, "member.joined", subject_id=membership.id, account_id=account_id, user_id=user_id, role=role
    )
    return membership


def members(
    session: Session, *, account_id: str, role: Role | None, q: str | None, after: str, limit: int
) -> list[tuple[Membership, User]]:
    """Members in the order in which they joined, from behind `after` on.

    `q` is the beginning of a word of the name or the address; with several, each has to begin one.
    """
    query = select(Membership, User).join(User, User.id == Membership.user_id)
    query = query.where(Membership.account_id == account_id, Membership.id > after)
    if role is not None:
        query = query.where(Membership.role == role)
    if q:
        query = query.where(named(q))
    return [(place, user) for place, user in session.execute(query.order_by(Membership.id).limit(limit))]


def named(q: str) -> ColumnElement[bool]:
    """Whose name or address has a word that begins so; with several words, one for each."""
    beginnings = " & ".join(f"{word}:*" for word in re.findall(r"[^\W_]+", q))
    return _WORDS.op("@@")(func.to_tsquery(_AS_WRITTEN, beginnings))


def accounts_of(
    session: Session, *, user_id: str, after: str, limit: int, q: str | None = None
) -> list[tuple[Account, Membership]]:
    """The accounts that this user belongs to, in the order in which they were made; `q` is part of their name."""
    query = select(Account, Membership).join(Membership, Membership.account_id == Account.id)
    query = query.where(Membership.user_id == user_id, Account.id > after)
    if q:
        query = query.where(Account.name.icontains(q, autoescape=True))
    return [(account, place) for account, place in session.execute(query.order_by(Account.id).limit(limit))]


def _place(account_id: str, user_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return (Membership.account_id == account_id, Membership.user_id == user_id)
