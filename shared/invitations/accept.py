"""Acceptance of an invitation, by its link or as the user of the invited address.

A link alone signs no one in. The invitee signs up with their own password (the emailed link verifies the address), or
is signed in as the user of the invited address.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypedDict

from sqlalchemy import Text, bindparam, cast, exists, func, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Session

from shared.accounts import memberships, sessions, signups
from shared.accounts.memberships import MembershipData, Person
from shared.accounts.sessions import SignedIn
from shared.actor import Actor, ActorKind
from shared.audit import log as audit_log
from shared.audit.events import Action
from shared.checks.evaluate import eligibility
from shared.checks.proxy import check_proxy
from shared.checks.verdict import Verdict
from shared.clock import rfc3339
from shared.db.autocommit import InTransaction
from shared.db.prepared import PreparedQuery
from shared.email_address import EmailAddress, masked
from shared.errors import Conflict, Invalid, LinkDead, Unauthenticated
from shared.ids import new_id
from shared.invitations import invitee, links, lock
from shared.invitations.lock import LockedInvitation
from shared.models import Invitation, LapsedContract, Membership, Signup, Status, User
from shared.permissions import Role
from shared.policy_context import PolicyContext
from shared.screening import facts, request_origin
from shared.screening.facts import AccountFacts


@dataclass(frozen=True, slots=True)
class SignUp:
    """Name and password hash of an invitee without a user."""

    name: str
    password_hash: str


class Named(TypedDict):
    """An account with its name."""

    id: str
    name: str


class Joined(MembershipData):
    """A membership created by an invitation, with its account, ready for JSON."""

    account: Named


class Unproven(Exception):
    """The signed-in person's address is unverified. `accept_proving` verifies it and accepts."""


CallerLookup = Callable[[], tuple[Actor, SignedIn | None]]
"""Looks up who is accepting, on demand."""

DeferredJoin = Callable[[], Joined]
"""Returns the new membership. Call it after the transaction commits: an earlier call costs an extra round trip."""


def accept_by_link(
    connection: InTransaction, *, policy: PolicyContext, token: str, caller: CallerLookup
) -> DeferredJoin:
    """Make the signed-in user a member with the invitation's current role.

    `caller` runs after the query for the invitation is sent, to save a round trip. Accepting again returns the same
    membership. Raises:

    - `LinkInvalid` for an unknown link.
    - `LinkDead` for a used, replaced or expired one.
    - `Conflict` for an invitation to another address, or one that can't be accepted at the moment.
    - `Unproven` for a signed-in person with an unverified address.
    - `Unauthenticated` if no one is signed in and the address has a user, who must sign in first.
    - `Invalid` if no one is signed in and the address has no user: name and password are missing.
    """
    lock_result = lock.by_link(connection, token)
    actor, user = caller()
    invitation = lock_result()
    if user is None:
        _refuse(policy, invitation)
        _refuse_known(connection, invitation)
        raise Invalid([("name", "Choose a name to be called by."), ("password", "Choose a password.")])
    if user.email_verified_at is None:
        raise Unproven
    return _accept(connection, actor, policy, invitation, user)


def accept_proving(
    session: Session, *, actor: Actor, policy: PolicyContext, token: str, user: SignedIn, keep: str
) -> Joined:
    """Accept as a signed-in person with an unverified address, which the emailed link verifies.

    Keeps their session with the token `keep`, and deletes all other sign-ups for the address. Raises the errors of
    `accept_by_link`.
    """
    invitation = lock.by_link(session, token)()
    _refuse(policy, invitation)
    _refuse_another_user(user, invitation)
    _refuse_known(session, invitation)
    signup = session.get(Signup, user.id) or session.get_one(User, user.id)
    proven = signups.confirm(session, signup, keep=keep)
    return _join(session, _as_user(actor, proven.id), policy, invitation, memberships.person(proven))()


def accept_signing_up(session: Session, *, actor: Actor, policy: PolicyContext, token: str, sign_up: SignUp) -> Joined:
    """Create a user for the invitee and make them a member. The link verifies the address.

    Raises the errors of `accept_by_link`.
    """
    invitation = lock.by_link(session, token)()
    _refuse(policy, invitation)
    _refuse_known(session, invitation)
    user = _signed_up(session, invitation, sign_up)
    signed_in_actor = _as_user(actor, user["id"])
    joined = _join(session, signed_in_actor, policy, invitation, user)()
    audit_log.record(session, signed_in_actor, Action.USER_SIGNED_UP, subject_id=user["id"])
    return joined


def accept_own(
    connection: InTransaction, *, actor: Actor, policy: PolicyContext, user: SignedIn, invitation_id: str
) -> DeferredJoin:
    """Accept without the link, as the signed-in user of the invited and verified address.

    Raises `NotFound` for another user's invitation and for an unverified address. Otherwise it raises the errors of
    `accept_by_link`.
    """
    invitation = lock.by_address(connection, invitation_id=invitation_id, email_key=user.email_key)
    if invitation is None or user.email_verified_at is None:
        raise invitee.not_found()
    return _accept(connection, actor, policy, invitation, user)


def accepted_by_password(session: Session, *, token: str, password: str) -> Joined | None:
    """The membership from an earlier acceptance by this link, for a repeated request with the same password.

    Returns None if the link has not been accepted. Raises `Unauthenticated` for a wrong password.
    """
    invitation = links.find_by_token(session, token)
    if invitation.status != Status.ACCEPTED or invitation.accepted_by is None:
        return None
    # Checking the password takes long, so it comes before the lock.
    person = sessions.check_password([session.get_one(User, invitation.accepted_by)], password)
    return _accepted_before(session, lock.by_link(session, token)(), person)


def _accept(
    connection: InTransaction, actor: Actor, policy: PolicyContext, invitation: LockedInvitation, user: SignedIn
) -> DeferredJoin:
    before = _accepted_before(connection, invitation, user)
    if before is not None:
        return lambda: before
    _refuse(policy, invitation)
    _refuse_another_user(user, invitation)
    return _join(connection, _as_user(actor, user.id), policy, invitation, memberships.person(user))


def _as_user(actor: Actor, user_id: str) -> Actor:
    return replace(actor, kind=ActorKind.USER, id=user_id, user_id=user_id)


def _accepted_before(connection: InTransaction, invitation: LockedInvitation, user: SignedIn | User) -> Joined | None:
    if invitation.status != Status.ACCEPTED or invitation.accepted_by != user.id:
        return None
    place = memberships.get(connection, account_id=invitation.account_id, user=memberships.person(user))
    return None if place is None else _joined(invitation, place)


def _join(
    connection: InTransaction, actor: Actor, policy: PolicyContext, invitation: LockedInvitation, user: Person
) -> DeferredJoin:
    rows = _JOIN.defer(
        connection,
        invitation_id=invitation.id,
        account_id=invitation.account_id,
        place_id=new_id("mem"),
        user_id=user["id"],
        role=invitation.role,
        **audit_log.event_params(actor, _seen_from(actor, policy, invitation.account)),
    )
    return lambda: _joined(invitation, memberships.as_membership(user, rows()[0]))


def _joined(invitation: LockedInvitation, place: MembershipData) -> Joined:
    return {**place, "account": {"id": invitation.account_id, "name": invitation.account_name}}


def _refuse(policy: PolicyContext, invitation: LockedInvitation) -> None:
    """Refuse a dead link, and check again what may have changed since: the inviter's role and the contract."""
    links.refuse_dead(invitation, at=invitation.account.at)
    if Role.from_row(invitation.role) not in facts.roles_assignable_by(
        invitation.inviters_role, invitation.keys_role, by_key=invitation.by_key
    ):
        raise Conflict(
            "inviter_gone",
            "Whoever invited you may no longer give this role, so nothing was changed.",
            remedy="Ask the owner or an admin of the account to invite you.",
        )
    check = eligibility(invitation.account, policy.settings)
    if check.verdict is Verdict.DENY and invitation.lapsed_contract != LapsedContract.ALLOW:
        raise Conflict(
            check.reasons[0].code,
            "The account can't take new members at the moment. Nothing was changed, and your link still holds.",
            remedy="Tell whoever invited you; once their contract is in order, open the link again.",
        )


def _seen_from(actor: Actor, policy: PolicyContext, account: AccountFacts) -> dict[str, object]:
    """Evidence for a proxy on the invitee's side. It is recorded for the account and never blocks the invitee."""
    check = check_proxy(request_origin.of(actor, policy), account.overrides, policy.settings.proxy_policy, account.at)
    return {"proxy": check.as_json(rfc3339(account.at))} if check.reasons else {}


def _refuse_known(connection: InTransaction, invitation: LockedInvitation) -> None:
    if _VERIFIED_USER.fetch(connection, email_key=invitation.email_key):
        raise Unauthenticated(
            "There is a user of this address already. Nothing was changed.",
            remedy="Sign in with that address, then accept.",
        )


def _refuse_another_user(user: SignedIn, invitation: LockedInvitation) -> None:
    if user.email_key != invitation.email_key:
        raise Conflict(
            "email_mismatch",
            f"This invitation is for {masked(invitation.email)}, and you are signed in as {masked(user.email)}. "
            "Nothing was changed, and the link still holds.",
            remedy="Sign in with the invited address, or ask to be invited at this one.",
        )


def _signed_up(session: Session, invitation: LockedInvitation, sign_up: SignUp) -> Person:
    address = EmailAddress.kept(invitation.email, invitation.email_key)
    user = signups.create_proven(
        session, address=address, name=sign_up.name, password_hash=sign_up.password_hash, locale=invitation.locale
    )
    if user is None:
        raise LinkDead("invitation_closed", "Somebody has just taken this address.", remedy="Sign in, then accept.")
    return memberships.person(user)


def _join_query() -> PreparedQuery:
    """One statement for all changes of an acceptance: the membership, the invitation, and the audit log.

    An existing membership stays unchanged.
    """
    columns = Membership.id, Membership.role, Membership.joined_at, Membership.last_seen_at
    row = {
        "id": bindparam("place_id"),
        "account_id": bindparam("account_id"),
        "user_id": bindparam("user_id"),
        "role": bindparam("role"),
        "joined_at": func.now(),
    }
    event_data = func.jsonb_build_object("user_id", Membership.user_id, "role", Membership.role).label("data")
    inserted = insert(Membership).values(row).on_conflict_do_nothing()
    new = inserted.returning(*columns, Membership.account_id, event_data).cte("new")
    before = select(*columns).where(
        Membership.account_id == row["account_id"], Membership.user_id == row["user_id"], ~exists(select(new.c.id))
    )
    place = select(*(new.c[column.name] for column in columns)).union_all(before).cte("place")
    noted = cast(bindparam("data", type_=Text()), JSONB).concat(func.jsonb_build_object("membership_id", place.c.id))
    accepted = (
        update(Invitation)
        .where(Invitation.id == bindparam("invitation_id"))
        .values(status=Status.ACCEPTED.value, ended_at=func.now(), accepted_by=row["user_id"], membership_id=place.c.id)
        .returning(Invitation.id, Invitation.account_id, noted.label("data"))
        .cte("accepted")
    )
    joined = audit_log.insert_events_for(new, Action.MEMBER_JOINED).cte("joined")
    accepted_event = audit_log.insert_events_for(accepted, Action.INVITATION_ACCEPTED, behind=1).cte("told")
    return PreparedQuery(select(place).add_cte(joined, accepted_event))


_VERIFIED_USER = PreparedQuery(
    select(User.id).where(User.email_key == bindparam("email_key"), User.email_verified_at.is_not(None))
)
_JOIN = _join_query()
