"""Who belongs to an account, and with which role."""

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

# As the index has it: words are folded, and taken for what they are in whatever language.
_WORDS: ColumnElement[Any] = literal_column(WORDS)
_AS_WRITTEN: ColumnElement[Any] = literal_column("'simple'")

NEARBY = 500
"""How many members a search looks through one by one: a common word is found among them at once."""

MAX_INDEXED_MATCHES = 50_000
"""How many people with the same rare word are taken from the index of words."""

SEEN_EVERY = timedelta(minutes=1)
"""How fine `last_seen_at` is: a member's reading writes no more often than this."""


def role_of(connection: SessionOrConnection, *, account_id: str, user_id: str) -> tuple[Role, bool] | None:
    """The role of this user in the account and whether `record_seen` is due; None for a stranger."""
    rows = _MEMBERSHIP.fetch(connection, account_id=account_id, user_id=user_id)
    return (Role.from_row(rows[0][1]), rows[0][4]) if rows else None


def record_seen(session: Session, *, account_id: str, user_id: str) -> None:
    """Note that the member was here just now."""
    session.execute(update(Membership).where(*_is_membership(account_id, user_id)).values(last_seen_at=func.now()))


class Person(TypedDict):
    """A person as their colleagues see them."""

    id: str
    email: str
    name: str


class MembershipData(TypedDict):
    """A person's place in an account, as lists of members show it: ready to be written as JSON."""

    id: str
    user: Person
    role: str
    joined_at: datetime
    last_seen_at: datetime | None


def person(user: User | SignedIn) -> Person:
    """This user as their colleagues see them."""
    return {"id": user.id, "email": user.email, "name": user.name}


def join(
    connection: SessionOrConnection, *, actor: Actor, account_id: str, user: Person, role: Role, at: datetime
) -> MembershipData:
    """Make the user a member at this moment of the database's; somebody who is one already stays as they are."""
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
    """This person's place in the account."""
    rows = _MEMBERSHIP.fetch(connection, account_id=account_id, user_id=user["id"])
    return as_membership(user, rows[0]) if rows else None


def as_membership(user: Person, row: Sequence[Any]) -> MembershipData:
    """The place that a row tells of, by its id, role, and when the person joined and was last seen."""
    place_id, role, joined_at, last_seen_at = row[:4]
    return {"id": place_id, "user": user, "role": role, "joined_at": joined_at, "last_seen_at": last_seen_at}


def list_members(
    connection: SessionOrConnection, *, account_id: str, role: Role | None, after: str, limit: int
) -> list[MembershipData]:
    """Members in the order in which they joined, from behind `after` on."""
    role_name = role.value if role else None
    return _as_memberships(_MEMBERS.fetch(connection, account_id=account_id, after=after, role=role_name, most=limit))


def search_members(
    session: Session, *, account_id: str, role: Role | None, q: str, after: str, limit: int
) -> list[MembershipData]:
    """The same, of those who are called so: `q` is the beginning of a word of the name or the address; with several,
    each has to begin one.
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
    """Who of all people is called so, by the index of words; who of the account, where too many are to be listed.

    The planner takes every word for one of a hundred, be it rare or everywhere, so it is not left the choice: `IS TRUE`
    keeps it from the index, `MATERIALIZED` keeps it there.
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
    """The accounts that this user belongs to, in the order in which they were made; `q` is part of their name."""
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
