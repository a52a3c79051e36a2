"""Accepting an invitation: by the link, or as the user of the invited address.

A link alone signs nobody in. Whoever accepts either signs up with a password of their own (the link came by mail, so
it proves the address), or is signed in as the user of that very address.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypedDict

from sqlalchemy import Text, bindparam, cast, exists, func, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Session

from shared.actor import Actor, ActorKind
from shared.checks.evaluate import eligibility
from shared.checks.proxy import check_proxy
from shared.checks.verdict import Verdict
from shared.clock import rfc3339
from shared.db import Asked, Question
from shared.email_address import EmailAddress, masked
from shared.errors import Conflict, Invalid, LinkDead, Unauthenticated
from shared.ids import new_id
from shared.models import Invitation, LapsedContract, Membership, Signup, Status, User
from shared.permissions import Role
from shared.services import audit, facts, links, memberships, offers, origins, sessions, signups, taking
from shared.services.facts import Ground
from shared.services.memberships import Person, Place
from shared.services.rules import Rules
from shared.services.sessions import SignedIn
from shared.services.taking import Taken


@dataclass(frozen=True, slots=True)
class SignUp:
    """How somebody new wants to be called, and the hash of the password they chose."""

    name: str
    password_hash: str


class Named(TypedDict):
    """An account by its name."""

    id: str
    name: str


class Joined(Place):
    """A membership that an invitation has made, with the account: ready to be written as JSON."""

    account: Named


class Unproven(Exception):
    """The signed-in person's address is still to be proven: `accept_proving` does both."""


Caller = Callable[[], tuple[Actor, SignedIn | None]]
"""Who is accepting, for whoever asks."""

Joining = Callable[[], Joined]
"""What came of accepting, for whoever asks: best once the transaction holds, for sooner costs a round trip."""


def accept(asked: Asked, *, rules: Rules, token: str, caller: Caller) -> Joining:
    """Make whoever is signed in a member, once, with the role that the invitation has at this moment.

    `caller` is found out on the way to the invitation. The same person again gets the same membership. Raises
    `LinkDead` for a link that is spent or over, `Conflict` for somebody else's address or an offer that no longer
    stands, and where nobody is signed in, `Unauthenticated` if the address has a user who should sign in first and
    else `Invalid`: a name and a password are still missing.
    """
    found = taking.by_link(asked, token)
    actor, user = caller()
    taken = found()
    if user is None:
        _refuse(rules, taken)
        _refuse_known(asked, taken)
        raise Invalid([("name", "Choose a name to be called by."), ("password", "Choose a password.")])
    if user.email_verified_at is None:
        raise Unproven
    return _accept(asked, actor, rules, taken, user)


def accept_proving(session: Session, *, actor: Actor, rules: Rules, token: str, user: SignedIn, keep: str) -> Joined:
    """Accept as somebody who has signed up and not proven the address: the link that came by mail proves it.

    Their session of the token `keep` goes on, and every other sign-up for the address ends. Raises as `accept` does.
    """
    taken = taking.by_link(session, token)()
    _refuse(rules, taken)
    _refuse_somebody_else(user, taken)
    _refuse_known(session, taken)
    signup = session.get(Signup, user.id) or session.get_one(User, user.id)
    proven = signups.confirm(session, signup, keep=keep)
    return _join(session, _as_user(actor, proven.id), rules, taken, memberships.person(proven))()


def accept_signing_up(session: Session, *, actor: Actor, rules: Rules, token: str, sign_up: SignUp) -> Joined:
    """Make somebody new a user and a member at once; the link proves the address. Raises as `accept` does."""
    taken = taking.by_link(session, token)()
    _refuse(rules, taken)
    _refuse_known(session, taken)
    user = _signed_up(session, taken, sign_up)
    told = _as_user(actor, user["id"])
    joined = _join(session, told, rules, taken, user)()
    audit.record(session, told, "user.signed_up", subject_id=user["id"])
    return joined


def accept_mine(asked: Asked, *, actor: Actor, rules: Rules, user: SignedIn, invitation_id: str) -> Joining:
    """Accept without the mail, as the signed-in user whose proven address was invited; raises as `accept` does."""
    taken = taking.by_address(asked, invitation_id=invitation_id, email_key=user.email_key)
    if taken is None or user.email_verified_at is None:
        raise offers.not_mine()
    return _accept(asked, actor, rules, taken, user)


def accepted_by_password(session: Session, *, token: str, password: str) -> Joined | None:
    """The membership that this link made, for the person who made it and knows the password: a request sent twice.

    None where the link has made none yet; raises `Unauthenticated` for a wrong password.
    """
    invitation = links.find(session, token)
    if invitation.status != Status.ACCEPTED or invitation.accepted_by is None:
        return None
    # That takes long, so nothing is locked before.
    person = sessions.check_password([session.get_one(User, invitation.accepted_by)], password)
    return _accepted_before(session, taking.by_link(session, token)(), person)


def _accept(asked: Asked, actor: Actor, rules: Rules, taken: Taken, user: SignedIn) -> Joining:
    again = _accepted_before(asked, taken, user)
    if again is not None:
        return lambda: again
    _refuse(rules, taken)
    _refuse_somebody_else(user, taken)
    return _join(asked, _as_user(actor, user.id), rules, taken, memberships.person(user))


def _as_user(actor: Actor, user_id: str) -> Actor:
    return replace(actor, kind=ActorKind.USER, id=user_id, user_id=user_id)


def _accepted_before(asked: Asked, taken: Taken, user: SignedIn | User) -> Joined | None:
    if taken.status != Status.ACCEPTED or taken.accepted_by != user.id:
        return None
    place = memberships.of(asked, account_id=taken.account_id, user=memberships.person(user))
    return None if place is None else _joined(taken, place)


def _join(asked: Asked, actor: Actor, rules: Rules, taken: Taken, user: Person) -> Joining:
    rows = _JOIN.later(
        asked,
        invitation_id=taken.id,
        account_id=taken.account_id,
        place_id=new_id("mem"),
        user_id=user["id"],
        role=taken.role,
        **audit.told(actor, _seen_from(actor, rules, taken.ground)),
    )
    return lambda: _joined(taken, memberships.place_of(user, rows()[0]))


def _joined(taken: Taken, place: Place) -> Joined:
    return {**place, "account": {"id": taken.account_id, "name": taken.account_name}}


def _refuse(rules: Rules, taken: Taken) -> None:
    """Refuse a dead link, and look again at what may have changed since: the inviter's right, and the contract."""
    links.refuse_dead(taken, at=taken.ground.at)
    if Role(taken.role) not in facts.assignable_by(taken.inviters_role, taken.keys_role, by_key=taken.by_key):
        raise Conflict(
            "inviter_gone",
            "Whoever invited you may no longer give this role, so nothing was changed.",
            remedy="Ask the owner or an admin of the account to invite you.",
        )
    check = eligibility(taken.ground, rules.settings)
    if check.verdict is Verdict.DENY and taken.lapsed_contract != LapsedContract.ALLOW:
        raise Conflict(
            check.reasons[0].code,
            "The account can't take new members at the moment. Nothing was changed, and your link still holds.",
            remedy="Tell whoever invited you; once their contract is in order, open the link again.",
        )


def _seen_from(actor: Actor, rules: Rules, ground: Ground) -> dict[str, object]:
    """What speaks for a proxy at the invitee's end: noted for the account, and never held against the invitee."""
    check = check_proxy(origins.of(actor, rules), ground.exemptions, rules.settings.proxy_policy, ground.at)
    return {"proxy": check.as_json(rfc3339(ground.at))} if check.reasons else {}


def _refuse_known(asked: Asked, taken: Taken) -> None:
    if _PROVEN.ask(asked, email_key=taken.email_key):
        raise Unauthenticated(
            "There is a user of this address already. Nothing was changed.",
            remedy="Sign in with that address, then accept.",
        )


def _refuse_somebody_else(user: SignedIn, taken: Taken) -> None:
    if user.email_key != taken.email_key:
        raise Conflict(
            "email_mismatch",
            f"This invitation is for {masked(taken.email)}, and you are signed in as {masked(user.email)}. "
            "Nothing was changed, and the link still holds.",
            remedy="Sign in with the invited address, or ask to be invited at this one.",
        )


def _signed_up(session: Session, taken: Taken, sign_up: SignUp) -> Person:
    address = EmailAddress.kept(taken.email, taken.email_key)
    user = signups.create_proven(
        session, address=address, name=sign_up.name, password_hash=sign_up.password_hash, locale=taken.locale
    )
    if user is None:
        raise LinkDead("invitation_closed", "Somebody has just taken this address.", remedy="Sign in, then accept.")
    return memberships.person(user)


def _joining() -> Question:
    """One statement for all that an acceptance changes: the place, the invitation, and the audit of both.

    Somebody who is a member already stays as they are.
    """
    columns = Membership.id, Membership.role, Membership.joined_at, Membership.last_seen_at
    row = {
        "id": bindparam("place_id"),
        "account_id": bindparam("account_id"),
        "user_id": bindparam("user_id"),
        "role": bindparam("role"),
        "joined_at": func.now(),
    }
    said = func.jsonb_build_object("user_id", Membership.user_id, "role", Membership.role).label("data")
    made = insert(Membership).values(row).on_conflict_do_nothing()
    new = made.returning(*columns, Membership.account_id, said).cte("new")
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
    joined = audit.telling_of(new, "member.joined").cte("joined")
    told = audit.telling_of(accepted, "invitation.accepted", behind=1).cte("told")
    return Question(select(place).add_cte(joined, told))


_PROVEN = Question(select(User.id).where(User.email_key == bindparam("email_key"), User.email_verified_at.is_not(None)))
_JOIN = _joining()
