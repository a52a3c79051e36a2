"""Two people act at the same moment: every outcome is legal, and the audit log has the events in their true order."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from time import sleep
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.accounts import authorization
from shared.accounts.sessions import SignedIn
from shared.actor import Actor, ActorKind
from shared.db.transaction import transaction
from shared.errors import Conflict, LinkDead, NotFound, PermissionDenied, TooSoon, UsherError
from shared.ids import new_id
from shared.invitations import accept, expiry, links, manage
from shared.models import AuditEvent, Invitation, Membership, Status, User
from shared.permissions import Role
from shared.team import changes
from shared.tokens import Purpose, derive
from tests.web.conftest import ROUNDS, Caller, World


class Race:
    """Starts callers at the same moment, each on a thread and in a transaction of its own.

    The caller with fewer statements would nearly always come first. So each caller in turn starts up to 4 ms before the
    others, a little more each time. The first rounds run one after another, each caller first once, so every order that
    a test waits for is certain to occur.
    """

    def __init__(self, world: World, size: int, in_turn: bool = True) -> None:
        self.world, self.barrier, self.threads = world, Barrier(size), ThreadPoolExecutor(size)
        self.in_turn, self.rounds = in_turn, 0

    def __call__(self, *calls: Callable[[Session], Any]) -> list[Any]:
        """Returns each call's result, or the named error that it raised."""
        this, self.rounds = self.rounds, self.rounds + 1
        early = this % len(calls)
        if self.in_turn and this < len(calls):
            ends = {at: self._end(calls[at]) for at in sorted(range(len(calls)), key=lambda at: at != early)}
            return [ends[at] for at in range(len(calls))]
        lead = this % 17 / 4000
        begun = [self.threads.submit(self._begin, call, lead * (at != early)) for at, call in enumerate(calls)]
        return [future.result() for future in begun]

    def _begin(self, call: Callable[[Session], Any], wait: float) -> Any:
        self.barrier.wait()
        sleep(wait)
        return self._end(call)

    def _end(self, call: Callable[[Session], Any]) -> Any:
        try:
            with transaction(self.world.sessions) as session:
                return call(session)
        except UsherError as error:
            return error


class Team:
    """The rows of a round, inserted directly in the database."""

    def __init__(self, world: World, account: str) -> None:
        self.world, self.account = world, account
        self.rules = world.rules

    def member(self, role: Role) -> tuple[str, Actor]:
        """A new member, and the actor with that role."""
        with transaction(self.world.sessions) as session:
            user = self._user(session)
            place = Membership(id=new_id("mem"), account_id=self.account, user_id=user.id, role=role)
            session.add(place)
        return place.id, Actor(ActorKind.USER, user.id, user.id, self.account, (role,))

    def invited(self, by: Actor, **more: Any) -> tuple[Invitation, User]:
        """A pending invitation, and the user who may accept it."""
        with transaction(self.world.sessions) as session:
            user = self._user(session)
            row = {
                "id": new_id("inv"),
                "account_id": self.account,
                "email": user.email,
                "email_key": user.email_key,
                "role": Role.DEVELOPER,
                "status": Status.PENDING,
                "delivery": "sent",
                "invited_by": by.user_id,
                "lifetime_seconds": 3600,
                "resendable_at": func.now() - timedelta(seconds=1),
                "expires_at": func.now() + timedelta(hours=1),
            }
            invitation = Invitation(**row | more)
            invitation.link_hash = links.hash_of(self.rules, invitation.id, 1)
            session.add(invitation)
            session.flush()
            session.refresh(invitation)
        return invitation, user

    def accept(self, invitation: Invitation, user: User) -> Callable[[Session], Any]:
        token = derive(self.world.settings.secret_keys[0], Purpose.INVITATION, invitation.id, 1)

        def call(session: Session) -> Any:
            person = session.get_one(User, user.id)
            caller = (
                Actor(ActorKind.USER, user.id, user.id),
                SignedIn(*(getattr(person, name) for name in SignedIn._fields)),
            )
            return accept.accept_by_link(session, policy=self.rules, token=token, caller=lambda: caller)

        return call

    def now(self, invitation: Invitation, user: User) -> tuple[Invitation, Membership | None, list[str]]:
        """The invitation, its membership, and its events in the audit log, in order."""
        with self.world.sessions() as session:
            row = session.get_one(Invitation, invitation.id)
            place = session.scalars(select(Membership).where(Membership.user_id == user.id)).one_or_none()
            events = select(AuditEvent.action).where(AuditEvent.subject_id == invitation.id).order_by(AuditEvent.seq)
            return row, place, list(session.scalars(events))

    def _user(self, session: Session) -> User:
        name = new_id("usr")
        address = f"{name}@corp.example"
        user = User(
            id=name, email=address, email_key=address, name=name, password_hash="", email_verified_at=func.now()
        )
        session.add(user)
        session.flush()
        return user


@pytest.fixture
def crew(world: World, acme: str) -> Team:
    return Team(world, acme)


@pytest.fixture
def owner(alice: Caller, acme: str) -> Actor:
    return Actor(ActorKind.USER, alice.id, alice.id, acme, (Role.OWNER,))


def test_no_check_that_begins_after_a_demotion_was_answered_says_the_old_thing(world, crew, owner, acme):
    place, bob = crew.member(Role.ADMIN)
    race, answered = Race(world, 3, in_turn=False), []

    def change(role: Role) -> None:
        with transaction(world.sessions) as session:
            changes.change_role(session, actor=owner, account_id=acme, membership_id=place, role=role)

    def demote(_: Session) -> None:
        change(Role.SUPPORT)
        answered.append(Role.SUPPORT)

    def watch(session: Session) -> list[str | None]:
        """The answers to all checks that began after the change was answered."""
        while not answered:
            authorization.roles_of(session, accounts=[acme], users=[str(bob.user_id)])
        return authorization.roles_of(session, accounts=[acme] * 3, users=[str(bob.user_id)] * 3)

    for _ in range(ROUNDS):
        answered.clear()
        _, *seen = race(demote, watch, watch)
        assert seen == [["support"] * 3] * 2
        change(Role.ADMIN)


def test_removing_the_inviter_against_accepting(world, crew, owner, acme):
    race, ends = Race(world, 2), set()
    for _ in range(ROUNDS):
        place, dora = crew.member(Role.ADMIN)
        invitation, bob = crew.invited(dora)
        accepted, removed = race(
            crew.accept(invitation, bob),
            lambda session, place=place: changes.remove(session, actor=owner, account_id=acme, membership_id=place),
        )
        assert removed is None
        row, membership, events = crew.now(invitation, bob)
        if isinstance(accepted, UsherError):
            assert (accepted.code, row.status, membership) == ("invitation_closed", Status.HELD, None)
            assert events == ["invitation.held"]
        else:
            assert (row.status, membership is not None) == (Status.ACCEPTED, True)
            assert events == ["invitation.accepted"]
        ends.add(row.status)
    assert ends == {Status.HELD, Status.ACCEPTED}


def test_changing_the_offer_against_accepting(world, crew, owner, acme):
    race, ends = Race(world, 2), set()
    for _ in range(ROUNDS):
        invitation, bob = crew.invited(owner)
        _, changed = race(
            crew.accept(invitation, bob),
            lambda session, i=invitation: changes.change_invitation_role(
                session, actor=owner, account_id=acme, invitation_id=i.id, role=Role.SUPPORT
            ),
        )
        row, membership, events = crew.now(invitation, bob)
        assert membership is not None
        late = isinstance(changed, Conflict)
        assert membership.role == row.role == (Role.DEVELOPER if late else Role.SUPPORT)
        assert events == ["invitation.accepted"] if late else ["invitation.role_changed", "invitation.accepted"]
        ends.add(row.role)
    assert ends == {Role.DEVELOPER, Role.SUPPORT}


def test_two_admins_who_demote_each_other(world, crew, acme):
    race = Race(world, 2)
    for _ in range(ROUNDS):
        (first, dora), (second, emil) = crew.member(Role.ADMIN), crew.member(Role.ADMIN)

        def demote(actor: Actor, place: str) -> Callable[[Session], Any]:
            return lambda session: changes.change_role(
                session, actor=actor, account_id=acme, membership_id=place, role=Role.SUPPORT
            )

        outcomes = race(demote(dora, second), demote(emil, first))
        assert sorted(isinstance(outcome, PermissionDenied) for outcome in outcomes) == [False, True]
        with world.sessions() as session:
            roles = session.scalars(select(Membership.role).where(Membership.id.in_([first, second]))).all()
        assert sorted(roles) == ["admin", "support"]


def test_two_admins_who_remove_each_other(world, crew, acme):
    race = Race(world, 2)
    for _ in range(ROUNDS // 5):
        (first, dora), (second, emil) = crew.member(Role.ADMIN), crew.member(Role.ADMIN)

        def remove(actor: Actor, place: str) -> Callable[[Session], Any]:
            return lambda session: changes.remove(session, actor=actor, account_id=acme, membership_id=place)

        outcomes = race(remove(dora, second), remove(emil, first))
        assert sorted(isinstance(outcome, NotFound) for outcome in outcomes) == [False, True]


# The statuses from which each event leads, and the one to which it leads.
_STEPS = {
    "invitation.accepted": ({"pending"}, "accepted"),
    "invitation.revoked": ({"pending", "checking"}, "revoked"),
    "invitation.expired": ({"pending"}, "expired"),
    "invitation.resent": ({"pending", "expired"}, "checking"),
}


def test_revoking_accepting_expiring_and_resending_at_once(world, crew, owner, acme):
    """The events in the audit log's order lead from `pending` to the invitation's final status."""
    race, ends = Race(world, 4), set()
    for round_ in range(ROUNDS):
        soon = func.now() + timedelta(milliseconds=round_ % 20 if round_ > 3 else 3000)
        invitation, bob = crew.invited(owner, expires_at=soon)
        accepted, *others = race(
            crew.accept(invitation, bob),
            lambda session, i=invitation: manage.revoke(session, actor=owner, account_id=acme, invitation_id=i.id),
            lambda session, i=invitation: manage.resend(
                session, actor=owner, policy=crew.rules, account_id=acme, invitation_id=i.id
            ),
            expiry.expire,
        )
        assert all(isinstance(end, Invitation | int | Conflict | LinkDead | TooSoon) for end in others), others
        row, membership, events = crew.now(invitation, bob)
        status = "pending"
        for action in events:
            allowed, then = _STEPS[action]
            assert status in allowed, events
            status = then
        assert row.status == status, events
        assert (membership is not None) == (not isinstance(accepted, UsherError)) == (status == "accepted")
        ends.add(status)
    assert {"accepted", "revoked"} <= ends
