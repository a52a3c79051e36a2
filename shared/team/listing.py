"""Members and invitations in one list, newest first.

Ids sort by time, so the part after the prefix orders rows of both tables. Each table returns at most a page from its
own index, and only the rows of the page are loaded. A team of ten thousand costs no more than a small one.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Select, func, literal, select, union_all
from sqlalchemy.orm import Session

from shared.accounts import memberships
from shared.accounts.sessions import SignedIn
from shared.db.text_search import holding_words
from shared.invitations.create import CreatedInvitation
from shared.models import Invitation, Membership, Status, User
from shared.permissions import Role

_PREFIX = len("mem_")
_PAST = (Status.ACCEPTED, Status.REVOKED)
"""Statuses left out unless the filter names one. People who accepted are in the list as members."""


@dataclass(frozen=True, slots=True)
class TeamRow:
    """A member with their user, or an invitation with its inviter."""

    person: User | SignedIn
    membership: Membership | None = None
    invitation: Invitation | CreatedInvitation | None = None

    @property
    def place(self) -> str:
        """Sort key of the row, and the cursor for the next page."""
        row = self.membership or self.invitation
        return row.id[_PREFIX:] if row else ""


@dataclass(frozen=True, slots=True)
class TeamFilter:
    """Filter by role, by text in the name or address, to members only, or to one invitation status."""

    q: str | None = None
    role: Role | None = None
    members_only: bool = False
    status: Status | None = None


def list_rows(session: Session, *, account_id: str, filters: TeamFilter, before: str, limit: int) -> list[TeamRow]:
    """A page of the account's team, after the cursor `before`."""
    parts = []
    if filters.status is None:
        parts.append(_members(session, account_id, filters, before, limit))
    if not filters.members_only:
        parts.append(_invitations(account_id, filters, before, limit))
    both = union_all(*(select(part.subquery()) for part in parts)).subquery()
    ids = session.scalars(select(both.c.id).order_by(both.c.place.desc()).limit(limit)).all()
    return _loaded(session, account_id, ids)


def get_row(session: Session, *, account_id: str, row_id: str) -> TeamRow | None:
    """The row of this membership or invitation, or None."""
    found = _loaded(session, account_id, [row_id])
    return found[0] if found else None


def invited(session: Session, *, account_id: str, invitation_ids: Collection[str]) -> dict[str, TeamRow]:
    """Rows of these invitations of the account, by invitation id."""
    rows = _loaded(session, account_id, invitation_ids)
    return {row.invitation.id: row for row in rows if row.invitation is not None}


def _members(session: Session, account_id: str, filters: TeamFilter, before: str, limit: int) -> Select[str, str]:
    query = select(Membership.id, func.substr(Membership.id, _PREFIX + 1).label("place"))
    query = query.where(Membership.account_id == account_id)
    if before:
        query = query.where(Membership.id < literal(f"mem_{before}"))
    if filters.role is not None:
        query = query.where(Membership.role == filters.role)
    if filters.q:
        query = query.join(User, User.id == Membership.user_id).where(memberships.matches_name(session, filters.q))
    return query.order_by(Membership.id.desc()).limit(limit)


def _invitations(account_id: str, filters: TeamFilter, before: str, limit: int) -> Select[str, str]:
    query = select(Invitation.id, func.substr(Invitation.id, _PREFIX + 1).label("place"))
    query = query.where(Invitation.account_id == account_id)
    if filters.status is None:
        query = query.where(Invitation.status.not_in(_PAST))
    else:
        query = query.where(Invitation.status == filters.status)
    if before:
        query = query.where(Invitation.id < literal(f"inv_{before}"))
    if filters.role is not None:
        query = query.where(Invitation.role == filters.role)
    if filters.q:
        query = query.where(*holding_words(Invitation.email, filters.q))
    return query.order_by(Invitation.id.desc()).limit(limit)


def _loaded(session: Session, account_id: str, ids: Collection[str]) -> list[TeamRow]:
    joined = select(Membership, User).join(User, User.id == Membership.user_id)
    joined = joined.where(Membership.account_id == account_id, Membership.id.in_(ids))
    invited = select(Invitation, User).join(User, User.id == Invitation.invited_by)
    invited = invited.where(Invitation.account_id == account_id, Invitation.id.in_(ids))
    entries = [TeamRow(user, membership=row) for row, user in session.execute(joined)]
    entries += [TeamRow(user, invitation=row) for row, user in session.execute(invited)]
    return sorted(entries, key=lambda each: each.place, reverse=True)
