"""Members of accounts and their roles."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypedDict

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Integer,
    Select,
    Text,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session, aliased

from shared.accounts.sessions import SignedIn
from shared.actor import Actor
from shared.audit import log as audit_log
from shared.audit.events import Action
from shared.db.autocommit import SessionOrConnection
from shared.db.bulk import Rows, insert_rows
from shared.db.prepared import PreparedQuery
from shared.db.text_search import holding_words
from shared.folding import fold
from shared.ids import new_id
from shared.models import Account, AuditEvent, Membership, User
from shared.models.user import WORDS
from shared.permissions import Role

# Must match the expression of the index: folded words, without stemming for any language.
_WORDS: ColumnElement[Any] = literal_column(WORDS)
_AS_WRITTEN: ColumnElement[Any] = literal_column("'simple'")

NEARBY = 500
"""Number of members that a search scans one by one first. Common words match within these."""

MAX_INDEXED_MATCHES = 50_000
"""Maximum number of matches to load from the word index."""

SEEN_EVERY = timedelta(minutes=1)
"""Minimum interval between two updates of `last_seen_at`, to limit writes."""


def role_of(connection: SessionOrConnection, *, account_id: str, user_id: str) -> tuple[Role, bool] | None:
    """The user's role in the account, and True if `record_seen` is due. None for a user who is not a member."""
    rows = _MEMBERSHIP.fetch(connection, account_id=account_id, user_id=user_id)
    return (Role.from_row(rows[0][1]), rows[0][4]) if rows else None


def record_seen(session: Session, *, account_id: str, user_id: str) -> None:
    """Set the member's last activity to now."""
    session.execute(update(Membership).where(*_is_membership(account_id, user_id)).values(last_seen_at=func.now()))


class Person(TypedDict):
    """A user as other members see them."""

    id: str
    email: str
    name: str


class MembershipData(TypedDict):
    """A membership with its user, ready for JSON."""

    id: str
    user: Person
    role: str
    joined_at: datetime
    last_seen_at: datetime | None


def person(user: User | SignedIn) -> Person:
    """This user as other members see them."""
    return {"id": user.id, "email": user.email, "name": user.name}


def join(
    connection: SessionOrConnection, *, actor: Actor, account_id: str, user: Person, role: Role, at: datetime
) -> MembershipData:
    """Make the user a member, with `at` (database time) as the time of joining. An existing member stays unchanged."""
    place_id, user_id = new_id("mem"), user["id"]
    row = Rows([{"id": place_id, "account_id": account_id, "user_id": user_id, "role": role, "joined_at": at}])
    events = audit_log.event_rows(
        actor, Action.MEMBER_JOINED, [(place_id, account_id, {"user_id": user_id, "role": role})]
    )
    if insert_rows(connection, Membership, row, (AuditEvent, events)):
        return {"id": place_id, "user": user, "role": role, "joined_at": at, "last_seen_at": None}
    place = get(connection, account_id=account_id, user=user)
    if place is None:
        raise RuntimeError("a member was removed while the account was held")
    return place


def get(connection: SessionOrConnection, *, account_id: str, user: Person) -> MembershipData | None:
    """The user's membership in this account, or None."""
    rows = _MEMBERSHIP.fetch(connection, account_id=account_id, user_id=user["id"])
    return as_membership(user, rows[0]) if rows else None


def as_membership(user: Person, row: Sequence[Any]) -> MembershipData:
    """Build a membership from a row of id, role, joined_at and last_seen_at."""
    place_id, role, joined_at, last_seen_at = row[:4]
    return {"id": place_id, "user": user, "role": role, "joined_at": joined_at, "last_seen_at": last_seen_at}


def list_members(
    connection: SessionOrConnection, *, account_id: str, role: Role | None, after: str, limit: int
) -> list[MembershipData]:
    """A page of members in the order in which they joined, after the id `after`."""
    role_name = role.value if role else None
    return _as_memberships(_MEMBERS.fetch(connection, account_id=account_id, after=after, role=role_name, most=limit))


def search_members(
    session: Session, *, account_id: str, role: Role | None, q: str, after: str, limit: int
) -> list[MembershipData]:
    """A page of members whose name or address matches, after the id `after`.

    Each word of `q` must be the beginning of a word in the name or address.
    """
    behind = [Membership.account_id == account_id, Membership.id > after]
    if role is not None:
        behind.append(Membership.role == role)
    first = select(Membership).where(*behind).order_by(Membership.id).limit(NEARBY)
    near = aliased(Membership, first.subquery())
    found = _as_memberships(
        session.execute(_select(near).where(_name_matches(q).is_(True)).order_by(near.id).limit(limit))
    )
    if len(found) == limit:
        return found
    query = _select(Membership).where(*behind, matches_name(session, q)).order_by(Membership.id).limit(limit)
    return _as_memberships(session.execute(query))


def matches_name(session: Session, q: str) -> ColumnElement[bool]:
    """SQL condition for members whose name or address matches.

    It lists the matching users from the word index, or compares words directly when more than `MAX_INDEXED_MATCHES`
    match. PostgreSQL estimates every word at one match in a hundred, so the query forces the plan: `IS TRUE` rules out
    the index, and `MATERIALIZED` makes the planner use it.
    """
    called = select(User.id).where(_name_matches(q)).cte().prefix_with("MATERIALIZED", dialect="postgresql")
    people = session.scalars(select(called.c.id).limit(MAX_INDEXED_MATCHES)).all()
    return (
        _name_matches(q).is_(True)
        if len(people) == MAX_INDEXED_MATCHES
        else Membership.user_id == func.any(list(people))
    )


def list_accounts(
    session: Session, *, user_id: str, after: str, limit: int, q: str | None = None
) -> list[tuple[Account, Membership]]:
    """Accounts that this user belongs to, oldest first, after the id `after`. `q` is part of the account's name."""
    query = select(Account, Membership).join(Membership, Membership.account_id == Account.id)
    query = query.where(Membership.user_id == user_id, Account.id > after)
    if q:
        query = query.where(*holding_words(Account.name, q))
    return [(account, place) for account, place in session.execute(query.order_by(Account.id).limit(limit))]


def _select(place: type[Membership]) -> Select[*tuple[Any, ...]]:
    columns = place.id, place.role, place.joined_at, place.last_seen_at, User.id, User.email, User.name
    return select(*columns).join(User, User.id == place.user_id)


def _as_memberships(rows: Iterable[Any]) -> list[MembershipData]:
    return [
        {
            "id": place_id,
            "user": {"id": user_id, "email": email, "name": name},
            "role": role,
            "joined_at": joined_at,
            "last_seen_at": last_seen_at,
        }
        for place_id, role, joined_at, last_seen_at, user_id, email, name in rows
    ]


def _name_matches(q: str) -> ColumnElement[bool]:
    beginnings = " & ".join(f"{word}:*" for word in re.findall(r"[^\W_]+", fold(q)))
    return _WORDS.op("@@", return_type=Boolean())(func.to_tsquery(_AS_WRITTEN, beginnings))


def _is_membership(account_id: str, user_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return (Membership.account_id == account_id, Membership.user_id == user_id)


_seen_at = Membership.last_seen_at
_MEMBERSHIP = PreparedQuery(
    select(
        *(Membership.id, Membership.role, Membership.joined_at, _seen_at),
        or_(_seen_at.is_(None), _seen_at < func.now() - SEEN_EVERY),
    ).where(Membership.account_id == bindparam("account_id"), Membership.user_id == bindparam("user_id"))
)
_role = bindparam("role", type_=Text())
_MEMBERS = PreparedQuery(
    _select(Membership)
    .where(Membership.account_id == bindparam("account_id"), Membership.id > bindparam("after"))
    .where(or_(_role.is_(None), Membership.role == _role))
    .order_by(Membership.id)
    .limit(bindparam("most", type_=Integer()))
)
