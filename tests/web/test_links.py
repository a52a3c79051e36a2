"""Actions with an invitation's link."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier

from sqlalchemy import func, select, text

from shared.accounts import passwords
from shared.db.transaction import transaction
from shared.models import AbuseReport, Account, AuditEvent, Contract, Invitation, Membership
from shared.permissions import Role
from tests.cli.processes import eventually
from tests.web.conftest import PASSWORD, ROUNDS, Caller, World


def accept(who: Caller, token: str, **more):
    return who.post("/v1/invitations/accept", {"token": token, **more})


def test_a_link_shows_what_it_offers_and_nothing_changes(world: World, alice, nobody, acme):
    invitation = world.invited(acme, alice, "bob@corp.example", message="Hello Bob")
    token = world.token(invitation)
    for _ in range(20):
        shown = nobody.post("/v1/invitations/inspect", {"token": token})
        assert shown.status_code == 200
    offer = shown.json
    assert offer["account"] == {"name": "Acme"}
    assert offer["inviter"] == {"name": "Alice", "email": "alice@corp.example"}
    assert (offer["role"], offer["email"], offer["message"]) == ("developer", "b***@corp.example", "Hello Bob")
    assert "view and edit settings" in offer["permissions"]
    assert offer["user_exists"] is False
    assert alice.get(f"/v1/accounts/{acme}/invitations/{invitation}").json["status"] == "pending"


def test_someone_new_joins_by_signing_up_and_is_signed_in(world, alice, nobody, acme):
    invitation = world.invited(acme, alice, "bob@corp.example")
    answer = accept(nobody, world.token(invitation), name="Bob Li", password=PASSWORD)
    assert answer.status_code == 200
    membership = answer.json["membership"]
    assert (membership["role"], membership["account"]) == ("developer", {"id": acme, "name": "Acme"})
    bob = Caller(nobody.http, answer.json["token"])
    me = bob.get("/v1/me").json
    assert (me["email"], me["name"], me["email_verified"]) == ("bob@corp.example", "Bob Li", True)
    shown = alice.get(f"/v1/accounts/{acme}/invitations/{invitation}").json
    assert shown["status"] == "accepted"
    assert shown["accepted_at"] is not None
    assert [row["id"] for row in alice.get(f"/v1/accounts/{acme}/members?role=developer").json["data"]] == [
        membership["id"]
    ]


def test_an_acceptance_that_the_database_refuses_at_its_end_harms_no_later_request(world, alice, acme):
    bob, invitation = world.person("bob@corp.example"), world.invited(acme, alice, "bob@corp.example")
    refusal = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$"
    with transaction(world.sessions) as session:
        session.execute(text(refusal))
        session.execute(text("CREATE TRIGGER refuse BEFORE UPDATE ON invitations EXECUTE FUNCTION refuse()"))
    assert accept(bob, world.token(invitation)).status_code == 500
    with transaction(world.sessions) as session:
        session.execute(text("DROP FUNCTION refuse CASCADE"))
    for _ in range(3):
        assert bob.get("/v1/me").status_code == 200
        assert accept(bob, world.token(invitation)).status_code == 200


def test_signing_up_needs_a_name_and_a_password(world, alice, nobody, acme):
    token = world.token(world.invited(acme, alice, "bob@corp.example"))
    for more, field in [
        ({}, "name"),
        ({"password": PASSWORD}, "name"),
        ({"name": "Bob", "password": "short"}, "password"),
    ]:
        answer = accept(nobody, token, **more)
        assert (answer.status_code, answer.json["code"]) == (422, "validation_failed")
        assert field in [problem["field"] for problem in answer.json["errors"]]
    assert accept(nobody, token, name="Bob", password=PASSWORD).status_code == 200


def test_the_same_person_again_gets_the_same_answer(world, alice, bob, nobody, acme):
    token = world.token(world.invited(acme, alice, "bob@corp.example"))
    first = accept(bob, token)
    assert (first.status_code, first.json["token"]) == (200, None)
    assert accept(bob, token).json == first.json
    assert accept(nobody, token).json["code"] == "invitation_closed"


def test_a_sign_up_that_is_sent_twice_gets_the_same_membership(world, alice, nobody, acme):
    token = world.token(world.invited(acme, alice, "bob@corp.example"))
    first = accept(nobody, token, name="Bob", password=PASSWORD)
    again = accept(nobody, token, name="Bob", password=PASSWORD)
    assert again.status_code == 200
    assert again.json["membership"] == first.json["membership"]
    wrong = accept(nobody, token, name="Bob", password="another password")
    assert (wrong.status_code, wrong.json["code"]) == (410, "invitation_closed")


def test_a_sign_up_that_is_sent_twice_at_once_lets_both_in(world, alice, acme):
    for number in range(ROUNDS // 5):
        token = world.token(world.invited(acme, alice, f"bob{number}@corp.example"))
        start = Barrier(2)

        def press(token: str = token, start: Barrier = start):
            start.wait()
            return accept(world.nobody, token, name="Bob", password=PASSWORD)

        with ThreadPoolExecutor(2) as both:
            first, second = (each.result() for each in [both.submit(press) for _ in range(2)])
        assert (first.status_code, second.status_code) == (200, 200), (first.text, second.text)
        assert first.json["membership"] == second.json["membership"]
        for answer in (first, second):
            assert Caller(world.nobody.http, answer.json["token"]).get("/v1/me").status_code == 200


def test_someone_else_who_signs_up_by_the_same_link_at_once_stays_out(world, alice, acme):
    token = world.token(world.invited(acme, alice, "bob@corp.example"))
    start = Barrier(2)

    def press(password: str):
        start.wait()
        return accept(world.nobody, token, name="Bob", password=password)

    with ThreadPoolExecutor(2) as both:
        answers = list(both.map(press, [PASSWORD, "another password"]))
    assert sorted(answer.status_code for answer in answers) == [200, 410]


def test_a_link_alone_signs_no_one_in(world, alice, bob, nobody, acme):
    token = world.token(world.invited(acme, alice, "bob@corp.example"))
    for more in ({}, {"name": "Eve", "password": "eves own password"}):
        answer = accept(nobody, token, **more)
        assert (answer.status_code, answer.json["code"]) == (401, "unauthenticated")
    assert accept(bob, token).status_code == 200


def test_someone_elses_invitation_is_not_spent_by_trying(world, alice, bob, charlie, acme):
    token = world.token(world.invited(acme, alice, "bob@corp.example"))
    answer = accept(charlie, token)
    assert (answer.status_code, answer.json["code"]) == (409, "email_mismatch")
    assert "b***@corp.example" in answer.json["detail"]
    assert "c***@other.example" in answer.json["detail"]
    assert accept(bob, token).status_code == 200


def test_the_link_verifies_the_address_of_an_earlier_sign_up(world, alice, nobody, acme):
    bob = world.person("bob@corp.example", proven=False)
    token = world.token(world.invited(acme, alice, "bob@corp.example"))
    assert accept(bob, token).status_code == 200
    assert bob.get("/v1/me").json["email_verified"] is True


def test_a_stranger_who_signed_up_with_the_address_gains_nothing(world, alice, nobody, acme):
    """A stranger signs up with Bob's address and never verifies it. Bob then joins with his link."""
    eve = world.person("bob@corp.example", proven=False, password_hash=passwords.hash_password("eves own password"))
    token = world.token(world.invited(acme, alice, "bob@corp.example"))
    assert accept(nobody, token, name="Bob", password=PASSWORD).status_code == 200
    assert eve.get("/v1/me").status_code == 401
    signed_in = {"email": "bob@corp.example", "password": "eves own password"}
    assert nobody.post("/v1/sessions", signed_in).status_code == 401
    assert nobody.post("/v1/sessions", {**signed_in, "password": PASSWORD}).status_code == 201


def test_an_expired_link_says_so_even_before_the_scheduler_has_seen_it(world, alice, bob, nobody, acme):
    invitation = world.invited(acme, alice, "bob@corp.example")
    world.change(Invitation, invitation, expires_at=func.now() - timedelta(seconds=1))
    token = world.token(invitation)
    for answer in (
        nobody.post("/v1/invitations/inspect", {"token": token}),
        accept(bob, token),
        nobody.post("/v1/invitations/decline", {"token": token}),
    ):
        assert (answer.status_code, answer.json["code"]) == (410, "invitation_expired")
        assert answer.json["remedy"]


def test_a_token_that_was_never_sent_is_not_one_of_ours(nobody):
    for token in ("x" * 43, "é", "../../etc/passwd", "' OR 1=1 --"):
        answer = nobody.post("/v1/invitations/inspect", {"token": token})
        assert (answer.status_code, answer.json["code"]) == (404, "link_invalid")


def test_declining_again_by_the_same_link_is_answered_alike_and_recorded_once(world, alice, nobody, acme):
    token = world.token(world.invited(acme, alice, "bob@corp.example"))
    body = {"token": token, "reason": "Not me", "report_abuse": True}
    with ThreadPoolExecutor(4) as pool:
        callers = [world.nobody for _ in range(4)]
        answers = list(pool.map(lambda caller: caller.post("/v1/invitations/decline", body).status_code, callers))
    assert answers == [204] * 4
    with world.sessions() as session:
        declined = select(func.count()).where(AuditEvent.action == "invitation.declined")
        assert session.scalar(declined) == 1
        assert session.scalar(select(func.count()).select_from(AbuseReport)) == 1


def test_a_declined_link_is_spent_and_the_account_sees_why(world, alice, bob, nobody, acme):
    invitation = world.invited(acme, alice, "bob@corp.example")
    token = world.token(invitation)
    body = {"token": token, "reason": "Not me", "report_abuse": True}
    assert nobody.post("/v1/invitations/decline", body).status_code == 204
    assert accept(bob, token).json["code"] == "invitation_closed"
    last = alice.get(f"/v1/accounts/{acme}/invitations/{invitation}/events").json["data"][-1]
    assert (last["action"], last["data"]) == ("invitation.declined", {"reason": "Not me", "report_abuse": True})


def test_acceptance_checks_the_inviter_again(world, alice, bob, acme):
    dora = world.person("dora@corp.example")
    place = world.join(acme, dora, Role.ADMIN)
    token = world.token(world.invited(acme, dora, "bob@corp.example"))
    world.change(Membership, place, role="support")
    answer = accept(bob, token)
    assert (answer.status_code, answer.json["code"]) == (409, "inviter_gone")
    world.change(Membership, place, role="admin")
    assert accept(bob, token).status_code == 200


def test_acceptance_checks_the_contract_again_and_tells_the_invitee_only_what_they_need(world, alice, bob, acme):
    token = world.token(world.invited(acme, alice, "bob@corp.example"))
    world.change(Contract, acme, amount=10)
    answer = accept(bob, token)
    assert (answer.status_code, answer.json["code"]) == (409, "contract_below_minimum")
    assert "10" not in answer.json["detail"]
    world.change(Contract, acme, amount=750)
    assert accept(bob, token).status_code == 200


def test_a_member_who_accepts_stays_as_they_are(world, alice, bob, acme):
    invitation = world.invited(acme, alice, "bob@corp.example", Role.ADMIN)
    place = world.join(acme, bob, Role.SUPPORT)
    answer = accept(bob, world.token(invitation))
    assert answer.status_code == 200
    assert (answer.json["membership"]["id"], answer.json["membership"]["role"]) == (place, "support")


def at_once(*calls):
    """Make the calls at the same moment, each on its own thread. Returns the responses in the same order."""
    barrier = Barrier(len(calls))

    def begin(call):
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return [future.result() for future in [threads.submit(begin, call) for call in calls]]


def test_twenty_threads_accept_one_link_and_there_is_one_membership(world, alice, acme):
    for round_ in range(ROUNDS):
        bob = world.person(f"bob{round_}@corp.example")
        token = world.token(world.invited(acme, alice, bob.email))
        callers = [Caller(world.app.test_client(), bob.token) for _ in range(20)]
        answers = at_once(*[partial(accept, caller, token) for caller in callers])
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.json["membership"]["id"] for answer in answers}) == 1
    with world.sessions() as session:
        joined = session.scalars(select(Membership.user_id).where(Membership.role == "developer")).all()
        events = session.scalars(select(AuditEvent).where(AuditEvent.action == "invitation.accepted")).all()
    assert len(joined) == len(set(joined)) == len(events) == ROUNDS


def test_when_two_sign_up_by_one_link_one_wins(world, alice, nobody, acme):
    for round_ in range(3):
        token = world.token(world.invited(acme, alice, f"bob{round_}@corp.example"))
        answers = at_once(
            *[
                partial(
                    accept, Caller(world.app.test_client()), token, name=f"Bob {n}", password=f"the password of bob {n}"
                )
                for n in range(3)
            ]
        )
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses[0] == 200
        assert set(statuses[1:]) <= {401, 410}


def test_accepting_against_revoking_one_wins_and_the_other_is_told(world, alice, bob, acme):
    for round_ in range(ROUNDS):
        bob = world.person(f"bob{round_}@corp.example")
        invitation = world.invited(acme, alice, bob.email)
        token = world.token(invitation)
        accepted, revoked = at_once(
            lambda bob=bob, token=token: accept(bob, token),
            lambda i=invitation: Caller(world.app.test_client(), alice.token).post(
                f"/v1/accounts/{acme}/invitations/{i}/revoke"
            ),
        )
        assert (accepted.status_code, revoked.status_code) in {(200, 409), (410, 200)}
        status = alice.get(f"/v1/accounts/{acme}/invitations/{invitation}").json["status"]
        assert status == ("accepted" if accepted.status_code == 200 else "revoked")


def test_an_acceptance_that_the_database_cuts_off_gets_a_503_and_can_be_sent_again(world, alice, bob, acme):
    token = world.token(world.invited(acme, alice, "bob@corp.example"))
    waiting = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")

    def cut_off() -> bool:
        with world.sessions() as session:
            return bool(session.execute(waiting).all())

    with ThreadPoolExecutor(1) as pool, world.sessions() as other:
        other.execute(select(Account.id).where(Account.id == acme).with_for_update())
        answer = pool.submit(accept, bob, token)
        eventually(cut_off)
    assert (answer.result().status_code, answer.result().json["code"]) == (503, "unavailable")
    assert accept(bob, token).status_code == 200


def test_two_people_who_invite_one_address_at_once_make_one_invitation(world, alice, acme):
    body = {"email": "bob@corp.example", "role": "developer"}
    answers = at_once(
        *[
            lambda: Caller(world.app.test_client(), alice.token).post(f"/v1/accounts/{acme}/invitations", body)
            for _ in range(6)
        ]
    )
    assert sorted(answer.status_code for answer in answers) == [202] + [422] * 5
    assert {answer.json["code"] for answer in answers if answer.status_code == 422} == {"already_invited"}


def test_fifty_equal_requests_under_one_key_invite_once(world, alice, acme):
    body = {"email": "bob@corp.example", "role": "developer"}
    answers = at_once(
        *[
            lambda: Caller(world.app.test_client(), alice.token).post(
                f"/v1/accounts/{acme}/invitations", body, Idempotency_Key="one"
            )
            for _ in range(50)
        ]
    )
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.data for answer in answers}) == 1
    with world.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Invitation)) == 1


def test_an_empty_token_is_refused(nobody):
    answer = nobody.post("/v1/invitations/inspect", {"token": ""})
    assert answer.json["errors"] == [{"field": "token", "message": "Must not be empty."}]
