"""Takes hold of an invitation that somebody is about to accept, with all that this rests on.

The account's team is held first, then the invitation; what is read of both stays so until the transaction ends.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, bindparam, select

from shared.db import Asked, Question
from shared.models import Account, ApiKey, Invitation, Membership
from shared.services import api_keys, facts, links, standing
from shared.services.facts import Ground
from shared.tokens import sha256


class Taken(NamedTuple):
    """An invitation that somebody is about to accept, with what that rests on, as it stays while it is locked."""

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
    ground: Ground


def by_link(asked: Asked, token: str) -> Callable[[], Taken]:
    """The invitation whose newest link this is, and nobody else's until the transaction ends.

    Asking for it raises `LinkInvalid` where there is none, or `LinkDead` for a link that was replaced.
    """
    digest = sha256(token)
    _HOLD.tell(asked, digest=digest)
    rows = _TAKE.later(asked, digest=digest)

    def taken() -> Taken:
        if found := rows():
            return _taken(found[0])
        raise links.unknown(asked, digest)

    return taken


def by_address(asked: Asked, *, invitation_id: str, email_key: str) -> Taken | None:
    """The same for an invitation to this address; None where it is somebody else's, or there is none."""
    mine = {"invitation_id": invitation_id, "email_key": email_key}
    _HOLD_MINE.tell(asked, **mine)
    rows = _TAKE_MINE.ask(asked, **mine)
    return _taken(rows[0]) if rows else None


def _taken(row: tuple[Any, ...]) -> Taken:
    own = len(Taken._fields) - 1
    return Taken._make([*row[:own], facts.ground_of(row[own:])])


def _hold(which: ColumnElement[bool]) -> Question:
    """Keeps the account's team as it is, before anything else is locked; see `standing`."""
    invitation = select(Invitation.account_id).where(which).scalar_subquery()
    return Question(standing.holding(invitation))


def _taking(which: ColumnElement[bool]) -> Question:
    of_inviter = (Membership.account_id == Invitation.account_id) & (Membership.user_id == Invitation.invited_by)
    by_key = Invitation.invited_via.is_not(None)
    query = select(
        *(Invitation.id, Invitation.account_id, Account.name, Account.lapsed_contract),
        *(Invitation.email, Invitation.email_key, Invitation.role, Invitation.status, Invitation.locale),
        *(Invitation.expires_at, Invitation.accepted_by, Membership.role, by_key, ApiKey.role),
    )
    query = query.join(Account, Account.id == Invitation.account_id).outerjoin(Membership, of_inviter)
    query = query.outerjoin(ApiKey, (ApiKey.id == Invitation.invited_via) & api_keys.is_live())
    return Question(facts.with_ground(query).where(which).with_for_update(of=Invitation))


_OF_LINK = Invitation.link_hash == bindparam("digest")
_MINE = (Invitation.id == bindparam("invitation_id")) & (Invitation.email_key == bindparam("email_key"))
_HOLD, _TAKE = _hold(_OF_LINK), _taking(_OF_LINK)
_HOLD_MINE, _TAKE_MINE = _hold(_MINE), _taking(_MINE)
