"""What the person behind the link does: look, accept, decline.

A link alone signs nobody in. Whoever accepts either signs up with a password of their own (the link came by mail, so
it proves the address), or is signed in as the user of that very address.
"""

from dataclasses import dataclass, replace

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.actor import Actor, ActorKind
from shared.checks.evaluate import eligibility
from shared.checks.proxy import check_proxy
from shared.checks.verdict import Verdict
from shared.clock import rfc3339
from shared.email_address import masked
from shared.errors import Conflict, Invalid, LinkDead, NotFound, Unauthenticated
from shared.models import Account, Invitation, LapsedContract, Membership, Status, User
from shared.permissions import Role
from shared.services import audit, facts, invitations, links, memberships, origins, sessions, standing, users
from shared.services.facts import Ground
from shared.services.rules import Rules


@dataclass(frozen=True, slots=True)
class Offer:
    """What a link offers, as far as its holder may know."""

    invitation: Invitation
    account: Account
    inviter: User
    user_exists: bool


@dataclass(frozen=True, slots=True)
class SignUp:
    """How somebody new wants to be called, and the hash of the password they chose."""

    name: str
    password_hash: str


def inspect(session: Session, *, token: str) -> Offer:
    """What the link offers; raises what a dead link deserves. Changes nothing, however often it is asked."""
    invitation = links.find(session, token)
    links.refuse_dead(session, invitation)
    return offer_of(session, invitation)


def offer_of(session: Session, invitation: Invitation) -> Offer:
    """The offer of this invitation."""
    account = session.get_one(Account, invitation.account_id)
    inviter = session.get_one(User, invitation.invited_by)
    user = sessions.find_user(session, invitation.email_key)
    return Offer(invitation, account, inviter, user is not None and user.email_verified_at is not None)


def accept(
    session: Session, *, actor: Actor, rules: Rules, token: str, user: User | None, sign_up: SignUp | None
) -> tuple[Membership, User]:
    """Make the person a member, once, with the role that the invitation has at this moment.

    `user` is who is signed in. The same person again gets the same membership. Raises `LinkDead` for a link that is
    spent or over, `Conflict` for somebody else's address or an offer that no longer stands, `Unauthenticated` where
    the address has a user who should sign in first, `Invalid` where a name and a password are still missing.
    """
    standing.hold(session, links.account_of(session, token))
    invitation = links.find(session, token, lock=True)
    again = _accepted_before(session, invitation, user)
    if again is not None and user is not None:
        return again, user
    return _accept(session, actor, rules, invitation, user, sign_up)


def accept_mine(
    session: Session, *, actor: Actor, rules: Rules, user: User, invitation_id: str
) -> tuple[Membership, User]:
    """Accept without the mail, as the signed-in user whose proven address was invited; raises as `accept` does."""
    standing.hold(session, _mine(session, user, invitation_id).account_id)
    invitation = _mine(session, user, invitation_id, lock=True)
    again = _accepted_before(session, invitation, user)
    return (again, user) if again is not None else _accept(session, actor, rules, invitation, user, None)


def waiting(session: Session, *, user: User, after: str, limit: int) -> list[Offer]:
    """The offers that stand open for the user's proven address, the oldest first, from behind `after` on."""
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


def _accept(
    session: Session,
    actor: Actor,
    rules: Rules,
    invitation: Invitation,
    user: User | None,
    sign_up: SignUp | None,
) -> tuple[Membership, User]:
    ground = facts.ground(session, invitation.account_id)
    links.refuse_dead(session, invitation, at=ground.at)
    _refuse_withdrawn(session, rules, invitation, ground)
    person = _person(session, invitation, user, sign_up)
    actor = replace(actor, kind=ActorKind.USER, id=person.id, user_id=person.id)
    membership = memberships.join(
        session, actor=actor, account_id=invitation.account_id, user_id=person.id, role=Role(invitation.role)
    )
    if sign_up is not None and user is None:
        audit.record(session, actor, "user.signed_up", subject_id=person.id)
    invitation.status, invitation.ended_at = Status.ACCEPTED, func.now()
    invitation.accepted_by, invitation.membership_id = person.id, membership.id
    proxy = _seen_from(actor, rules, ground)
    invitations.note(session, actor, "invitation.accepted", invitation, membership_id=membership.id, **proxy)
    return membership, person


def accepted_by_password(session: Session, *, token: str, password: str) -> tuple[Membership, User] | None:
    """The membership that this link made, for the person who made it and knows the password: a request sent twice.

    None where the link has made none yet; raises `Unauthenticated` for a wrong password.
    """
    invitation = links.find(session, token)
    if invitation.status != Status.ACCEPTED or invitation.accepted_by is None:
        return None
    person = sessions.check_password(session.get_one(User, invitation.accepted_by), password)
    membership = _accepted_before(session, invitation, person)
    return None if membership is None else (membership, person)


def decline(session: Session, *, actor: Actor, token: str, reason: str | None, report_abuse: bool) -> Invitation:
    """Say no; the link is spent. `report_abuse` tells the account that its sender was not known."""
    invitation = links.find(session, token, lock=True)
    return _decline(session, actor, invitation, reason=reason, report_abuse=report_abuse)


def decline_mine(
    session: Session, *, actor: Actor, user: User, invitation_id: str, reason: str | None, report_abuse: bool
) -> Invitation:
    """Say no without the mail, as the signed-in user whose proven address was invited."""
    invitation = _mine(session, user, invitation_id, lock=True)
    return _decline(session, actor, invitation, reason=reason, report_abuse=report_abuse)


def _decline(
    session: Session, actor: Actor, invitation: Invitation, *, reason: str | None, report_abuse: bool
) -> Invitation:
    links.refuse_dead(session, invitation)
    invitation.status, invitation.ended_at = Status.DECLINED, func.now()
    invitation.decline_reason = reason
    invitations.note(session, actor, "invitation.declined", invitation, reason=reason, report_abuse=report_abuse)
    return invitation


def _mine(session: Session, user: User, invitation_id: str, *, lock: bool = False) -> Invitation:
    query = select(Invitation).where(Invitation.id == invitation_id, Invitation.email_key == user.email_key)
    query = query.execution_options(populate_existing=True)
    found = session.scalars(query.with_for_update() if lock else query).one_or_none()
    if found is None or user.email_verified_at is None:
        raise NotFound("There is no such invitation for your proven address.")
    return found


def _accepted_before(session: Session, invitation: Invitation, user: User | None) -> Membership | None:
    if invitation.status != Status.ACCEPTED or user is None or invitation.accepted_by != user.id:
        return None
    return session.get(Membership, invitation.membership_id)


def _refuse_withdrawn(session: Session, rules: Rules, invitation: Invitation, ground: Ground) -> None:
    """Look again at what may have changed since: whether the inviter may still give this role, and the contract."""
    if Role(invitation.role) not in facts.assignable_by_inviter(session, invitation):
        raise Conflict(
            "inviter_gone",
            "Whoever invited you may no longer give this role, so nothing was changed.",
            remedy="Ask the owner or an admin of the account to invite you.",
        )
    check = eligibility(ground, rules.settings)
    if check.verdict is Verdict.DENY and not _lapsing_is_fine(session, invitation.account_id):
        raise Conflict(
            check.reasons[0].code,
            "The account can't take new members at the moment. Nothing was changed, and your link still holds.",
            remedy="Tell whoever invited you; once their contract is in order, open the link again.",
        )


def _lapsing_is_fine(session: Session, account_id: str) -> bool:
    return session.get_one(Account, account_id).lapsed_contract == LapsedContract.ALLOW


def _seen_from(actor: Actor, rules: Rules, ground: Ground) -> dict[str, object]:
    """What speaks for a proxy at the invitee's end: noted for the account, and never held against the invitee."""
    check = check_proxy(origins.of(actor, rules), ground.exemptions, rules.settings.proxy_policy, ground.at)
    return {"proxy": check.as_json(rfc3339(ground.at))} if check.reasons else {}


def _person(session: Session, invitation: Invitation, user: User | None, sign_up: SignUp | None) -> User:
    if user is not None:
        return _the_invited(user, invitation)
    known = sessions.find_user(session, invitation.email_key)
    if known is not None and known.email_verified_at is not None:
        raise Unauthenticated(
            "There is a user of this address already. Nothing was changed.",
            remedy="Sign in with that address, then accept.",
        )
    if sign_up is None:
        raise Invalid([("name", "Choose a name to be called by."), ("password", "Choose a password.")])
    return _signed_up(session, invitation, sign_up)


def _the_invited(user: User, invitation: Invitation) -> User:
    if user.email_key != invitation.email_key:
        raise Conflict(
            "email_mismatch",
            f"This invitation is for {masked(invitation.email)}, and you are signed in as {masked(user.email)}. "
            "Nothing was changed, and the link still holds.",
            remedy="Sign in with the invited address, or ask to be invited at this one.",
        )
    user.email_verified_at = user.email_verified_at or func.now()
    return user


def _signed_up(session: Session, invitation: Invitation, sign_up: SignUp) -> User:
    user = users.claim_address(
        session,
        address=invitation.address,
        name=sign_up.name,
        password_hash=sign_up.password_hash,
        locale=invitation.locale,
    )
    if user is None:
        raise LinkDead("invitation_closed", "Somebody has just taken this address.", remedy="Sign in, then accept.")
    user.email_verified_at = func.now()
    return user
