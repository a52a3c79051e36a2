"""Bob's link is dead and he requests a new one: the inviter is notified, and decides."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import func, select

from shared.models import AuditEvent, Invitation, Job, JobKind, Membership, Status, Throttle
from shared.permissions import Role
from tests.web.conftest import Caller, World

ASK = "/v1/invitations/request-new"


@pytest.fixture
def invitation(world: World, alice: Caller, acme: str) -> str:
    return world.invited(acme, alice, "bob@corp.example")


def ask(who: Caller, token: str):
    return who.post(ASK, {"token": token})


def enqueued_jobs(world: World) -> list[Job]:
    with world.sessions() as session:
        return list(session.scalars(select(Job).where(Job.kind == JobKind.NEW_LINK_MAIL)))


def forget_when(world: World) -> None:
    """Let hours pass."""
    with world.sessions() as session, session.begin():
        session.query(Throttle).update({"window_ends_at": func.now()})


@pytest.mark.parametrize(
    "change",
    [
        {"status": Status.EXPIRED},
        {"expires_at": func.now() - timedelta(seconds=1)},
        {"status": Status.REVOKED},
        {"status": Status.DECLINED},
        {"status": Status.BLOCKED},
        {"status": Status.HELD},
        {},
    ],
)
def test_the_inviter_is_notified_once_and_nothing_is_resent(world, alice, nobody, acme, invitation, change):
    world.change(Invitation, invitation, **change)
    here = f"/v1/accounts/{acme}/invitations/{invitation}"
    before = alice.get(here).json
    answer = ask(nobody, world.token(invitation))
    assert answer.status_code == 202
    assert answer.json["again_at"] > before["created_at"]
    assert {**answer.json, "again_at": None} == {
        "account": {"name": "Acme"},
        "asked": "inviter",
        "inviter": {"name": "Alice"},
        "again_at": None,
    }
    (job,) = enqueued_jobs(world)
    assert (job.subject_id, job.account_id, job.lane) == (invitation, acme, "corp.example")
    assert alice.get(here).json == before
    event = alice.get(f"{here}/events").json["data"][-1]
    assert (event["action"], event["actor"]["kind"]) == ("invitation.new_requested", "anyone")
    assert event["data"] == {"asked": alice.id}
    (events,) = alice.get(f"/v1/accounts/{acme}/audit-events?action=invitation.new_requested").json["data"]
    assert events["id"] == event["id"]


def test_a_replaced_link_asks_for_the_same_invitation(world, alice, nobody, acme, invitation):
    old = world.token(invitation)
    world.change(Invitation, invitation, resendable_at=func.now())
    assert alice.post(f"/v1/accounts/{acme}/invitations/{invitation}/resend").status_code == 202
    assert ask(nobody, old).status_code == 202
    assert [(job.subject_id, job.generation) for job in enqueued_jobs(world)] == [(invitation, 2)]
    assert ask(nobody, world.token(invitation)).status_code == 429


def test_a_second_request_learns_that_the_first_one_counts(world, nobody, invitation):
    world.change(Invitation, invitation, status=Status.EXPIRED)
    first = ask(nobody, world.token(invitation))
    again = ask(world.nobody, world.token(invitation))
    assert (again.status_code, again.json["code"]) == (429, "rate_limited")
    assert "Alice was asked for a new link already." in again.json["detail"]
    assert first.json["again_at"].removesuffix("Z")[:19] in again.json["remedy"]
    assert 5 * 3600 < int(again.headers["Retry-After"]) <= 6 * 3600
    assert len(enqueued_jobs(world)) == 1
    forget_when(world)
    assert ask(nobody, world.token(invitation)).status_code == 202
    assert len(enqueued_jobs(world)) == 2


def test_twenty_at_once_send_one_email(world, invitation):
    world.change(Invitation, invitation, status=Status.EXPIRED)
    token, start = world.token(invitation), Barrier(20)

    def at_once(_: int) -> int:
        start.wait()
        return ask(world.nobody, token).status_code

    with ThreadPoolExecutor(20) as pool:
        answers = sorted(pool.map(at_once, range(20)))
    assert answers == [202] + [429] * 19
    assert len(enqueued_jobs(world)) == 1


@pytest.mark.parametrize("role", [None, Role.SUPPORT])
def test_the_owner_is_asked_once_the_inviter_may_not_invite_any_more(world, alice, bob, nobody, acme, role):
    place = world.join(acme, bob, Role.ADMIN)
    token = world.token(world.invited(acme, bob, "carol@corp.example"))
    path = f"/v1/accounts/{acme}/members/{place}"
    assert (alice.patch(path, {"role": role}) if role else alice.delete(path)).status_code in {200, 204}
    answer = ask(nobody, token)
    assert (answer.json["asked"], answer.json["inviter"]) == ("account_owner", None)
    with world.sessions() as session:
        event = session.scalars(select(AuditEvent).where(AuditEvent.action == "invitation.new_requested")).one()
    assert event.data == {"asked": alice.id}


def test_an_inviter_who_left_and_owns_another_account_is_not_asked(world, alice, bob, nobody, acme):
    place = world.join(acme, bob, Role.ADMIN)
    world.account(bob, "Bob's own")
    token = world.token(world.invited(acme, bob, "carol@corp.example"))
    assert alice.delete(f"/v1/accounts/{acme}/members/{place}").status_code == 204
    assert ask(nobody, token).json["asked"] == "account_owner"


def test_an_invitation_that_was_accepted_needs_no_link(world, bob, nobody, invitation):
    token = world.token(invitation)
    assert bob.post("/v1/invitations/accept", {"token": token}).status_code == 200
    answer = ask(nobody, token)
    assert (answer.status_code, answer.json["code"]) == (410, "invitation_closed")
    assert enqueued_jobs(world) == []


def test_a_link_that_was_never_sent_asks_no_one(world, nobody):
    answer = ask(nobody, "x" * 43)
    assert (answer.status_code, answer.json["code"]) == (404, "link_invalid")
    assert enqueued_jobs(world) == []


def test_one_place_can_not_ask_without_end(nobody):
    answers = [ask(nobody, "x" * 43) for _ in range(101)]
    assert {answer.status_code for answer in answers[:100]} == {404}
    assert (answers[100].status_code, answers[100].json["code"]) == (429, "rate_limited")
    assert int(answers[100].headers["Retry-After"]) > 3500


def test_the_token_is_in_no_row(world, nobody, invitation):
    ask(nobody, world.token(invitation))
    with world.sessions() as session:
        rows = [*session.scalars(select(Job)), *session.scalars(select(AuditEvent)), *session.scalars(select(Throttle))]
        assert rows
        assert not any(world.token(invitation) in repr(vars(row)) for row in rows)
        assert session.scalars(select(Membership.role)).all() == ["owner"]
