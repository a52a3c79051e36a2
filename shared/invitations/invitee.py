"""An invitation for its invitee, by link or by verified address: view and decline.

A link alone signs no one in. For acceptance see `accept`.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.accounts import locks, sessions
from shared.accounts.sessions import SignedIn
from shared.actor import Actor
from shared.audit.events import Action
from shared.errors import NotFound
from shared.invitations import links, manage
from shared.models import Account, Invitation, Status, User
from shared.screening import abuse_reports


@dataclass(frozen=True, slots=True)
class Offer:
    """An invitation as shown to the holder of its link, with the account and the inviter."""

    invitation: Invitation
    account: Account
    inviter: User
    user_exists: bool


def inspect(session: Session, *, token: str) -> Offer:
    """The invitation of this link, without any changes. Raises `LinkInvalid` or `LinkDead`."""
    invitation = links.find_by_token(session, token)
    links.refuse_dead(invitation, at=_now(session))
    return offer_of(session, invitation)


def offer_of(session: Session, invitation: Invitation) -> Offer:
    """The invitation with its account and inviter, for the invitee."""
    account = session.get_one(Account, invitation.account_id)
    inviter = session.get_one(User, invitation.invited_by)
    user = sessions.find_user(session, invitation.email_key)
    return Offer(invitation, account, inviter, user is not None and user.email_verified_at is not None)


def list_open(session: Session, *, user: SignedIn, after: str, limit: int) -> list[Offer]:
    """A page of open invitations to the user's verified address, oldest first, after the id `after`."""
    if user.email_verified_at is None:
        return []
    query = (
        select(Invitation, Account, User)
        .join(Account, Account.id == Invitation.account_id)
        .join(User, User.id == Invitation.invited_by)
        .where(Invitation.email_key == user.email_key, Invitation.status == Status.PENDING)
        .where(Invitation.expires_at > func.now(), Invitation.id > after)
    )
    return [Offer(*found, user_exists=True) for found in session.execute(query.order_by(Invitation.id).limit(limit))]


def decline(session: Session, *, actor: Actor, token: str, reason: str | None, report_abuse: bool) -> Invitation:
    """Decline the invitation of this link. `report_abuse` reports the account. Declining again changes nothing.

    Raises `LinkInvalid` or `LinkDead`.
    """
    if report_abuse:
        # Lock the team before the invitation, in the same order as everywhere.
        locks.lock_team(session, links.find_by_token(session, token).account_id, exclusive=True)
    invitation = links.find_by_token(session, token, lock=True)
    return _decline(session, actor, invitation, reason=reason, report_abuse=report_abuse)


def decline_own(
    session: Session, *, actor: Actor, user: SignedIn, invitation_id: str, reason: str | None, report_abuse: bool
) -> Invitation:
    """Decline without the link, as the signed-in user of the invited and verified address.

    Raises `NotFound` for another user's invitation, or `LinkDead`.
    """
    if report_abuse:
        locks.lock_team(session, _own_invitation(session, user, invitation_id, lock=False).account_id, exclusive=True)
    invitation = _own_invitation(session, user, invitation_id)
    return _decline(session, actor, invitation, reason=reason, report_abuse=report_abuse)


def not_found() -> NotFound:
    """The error for an invitation to another address."""
    return NotFound("There is no such invitation for your proven address.")


def _decline(
    session: Session, actor: Actor, invitation: Invitation, *, reason: str | None, report_abuse: bool
) -> Invitation:
    if invitation.status == Status.DECLINED:
        return invitation
    links.refuse_dead(invitation, at=_now(session))
    invitation.status, invitation.ended_at = Status.DECLINED, func.now()
    invitation.decline_reason = reason
    manage.record_event(
        session, actor, Action.INVITATION_DECLINED, invitation, reason=reason, report_abuse=report_abuse
    )
    if report_abuse:
        abuse_reports.report(session, actor=actor, invitation=invitation, reason=reason)
    return invitation


def _now(session: Session) -> datetime:
    return session.scalars(select(func.now())).one()


def _own_invitation(session: Session, user: SignedIn, invitation_id: str, *, lock: bool = True) -> Invitation:
    query = select(Invitation).where(Invitation.id == invitation_id, Invitation.email_key == user.email_key)
    query = query.execution_options(populate_existing=True)
    found = session.scalars(query.with_for_update() if lock else query).one_or_none()
    if found is None or user.email_verified_at is None:
        raise not_found()
    return found
