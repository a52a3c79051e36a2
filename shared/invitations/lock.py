"""Locks an invitation for acceptance, with the facts that acceptance depends on.

The account's team is locked first, then the invitation. Both stay unchanged until the transaction ends.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, bindparam, select

from shared.accounts import locks
from shared.db.autocommit import InTransaction
from shared.db.prepared import PreparedQuery
from shared.invitations import links
from shared.models import Account, ApiKey, Invitation, Membership, api_key
from shared.screening import facts
from shared.screening.facts import AccountFacts
from shared.tokens import sha256


class LockedInvitation(NamedTuple):
    """A locked invitation with the facts that acceptance depends on, which can't change until the transaction ends."""

    id: str
    account_id: str
    account_name: str
    lapsed_contract: str
    email: str
    email_key: str
    role: str
    status: str
    locale: str
    expires_at: datetime
    accepted_by: str | None
    inviters_role: str | None
    by_key: bool
    keys_role: str | None
    account: AccountFacts


def by_link(connection: InTransaction, token: str) -> Callable[[], LockedInvitation]:
    """Lock the invitation with this as its newest link, until the transaction ends.

    The returned function reads the invitation. It raises `LinkInvalid` for an unknown link, or `LinkDead` for a
    replaced one.
    """
    digest = sha256(token)
    _LOCK_TEAM.execute(connection, digest=digest)
    rows = _LOCK_INVITATION.defer(connection, digest=digest)

    def locked() -> LockedInvitation:
        if found := rows():
            return _as_locked(found[0])
        raise links.unknown(connection, digest)

    return locked


def by_address(connection: InTransaction, *, invitation_id: str, email_key: str) -> LockedInvitation | None:
    """Lock an invitation to this address. Returns None if it is to another address or doesn't exist."""
    mine = {"invitation_id": invitation_id, "email_key": email_key}
    _LOCK_OWN_TEAM.execute(connection, **mine)
    rows = _LOCK_OWN_INVITATION.fetch(connection, **mine)
    return _as_locked(rows[0]) if rows else None


def _as_locked(row: tuple[Any, ...]) -> LockedInvitation:
    own = len(LockedInvitation._fields) - 1
    return LockedInvitation._make([*row[:own], facts.account_facts_of(row[own:])])


def _team_lock_query(which: ColumnElement[bool]) -> PreparedQuery:
    """Lock the account's team before anything else. See `accounts.locks`."""
    invitation = select(Invitation.account_id).where(which).scalar_subquery()
    return PreparedQuery(locks.team_lock(invitation))


def _invitation_lock_query(which: ColumnElement[bool]) -> PreparedQuery:
    of_inviter = (Membership.account_id == Invitation.account_id) & (Membership.user_id == Invitation.invited_by)
    by_key = Invitation.invited_via.is_not(None)
    query = select(
        *(Invitation.id, Invitation.account_id, Account.name, Account.lapsed_contract),
        *(Invitation.email, Invitation.email_key, Invitation.role, Invitation.status, Invitation.locale),
        *(Invitation.expires_at, Invitation.accepted_by, Membership.role, by_key, ApiKey.role),
    )
    query = query.join(Account, Account.id == Invitation.account_id).outerjoin(Membership, of_inviter)
    query = query.outerjoin(ApiKey, (ApiKey.id == Invitation.invited_via) & api_key.is_live())
    return PreparedQuery(facts.with_account_facts(query).where(which).with_for_update(of=Invitation))


_OF_LINK = Invitation.link_hash == bindparam("digest")
_MINE = (Invitation.id == bindparam("invitation_id")) & (Invitation.email_key == bindparam("email_key"))
_LOCK_TEAM, _LOCK_INVITATION = _team_lock_query(_OF_LINK), _invitation_lock_query(_OF_LINK)
_LOCK_OWN_TEAM, _LOCK_OWN_INVITATION = _team_lock_query(_MINE), _invitation_lock_query(_MINE)
