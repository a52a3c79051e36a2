"""Ownership of an address: it takes the mailbox and the secret of the sign-up that the link was emailed for."""

from datetime import timedelta
from functools import partial
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import func, select, update

from shared.accounts import passwords
from shared.models import Job, JobKind, Signup, Throttle, User
from shared.operations import retention
from shared.tokens import Purpose, derive, sha256
from tests.web.conftest import PASSWORD, Caller, World

ALICE = {"email": "amy@corp.example", "name": "Amy", "password": PASSWORD}
STRANGER = {**ALICE, "name": "Mallory", "password": "the stranger's own secret"}


def sign_up(world: World, body: dict[str, str]) -> str:
    """The id of the sign-up, which its user will keep."""
    answer = world.nobody.post("/v1/users", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json["id"])


def proof(world: World, user_id: str, generation: int = 1) -> str:
    """The token in the email of this sign-up."""
    return derive(world.settings.secret_keys[0], Purpose.VERIFICATION, user_id, generation)


def session_of(world: World, body: dict[str, str]) -> Caller:
    answer = world.nobody.post("/v1/sessions", {"email": body["email"], "password": body["password"]})
    assert answer.status_code == 201, answer.text
    return Caller(world.app.test_client(), answer.json["token"], answer.json["user"]["id"], body["email"])


def signs_in(world: World, body: dict[str, str]) -> int:
    return int(world.nobody.post("/v1/sessions", {"email": body["email"], "password": body["password"]}).status_code)


def emails(world: World, kind: JobKind) -> int:
    with world.sessions() as session:
        return session.scalar(select(func.count()).select_from(Job).where(Job.kind == kind)) or 0


@pytest.fixture
def strangers(world: World) -> tuple[str, str]:
    """Amy has signed up, and then a stranger with her address: the ids of both sign-ups."""
    return sign_up(world, ALICE), sign_up(world, STRANGER)


def test_a_stranger_who_signs_up_later_owns_nothing(world, nobody, alice, acme, strangers):
    """The attack: Amy confirms with the newest email, which belongs to the stranger's sign-up."""
    world.invited(acme, alice, "amy@corp.example", "admin")
    newest = proof(world, strangers[1])
    stranger = session_of(world, STRANGER)
    asked = nobody.post("/v1/users/verify", {"token": newest})
    assert (asked.status_code, asked.json["code"]) == (401, "password_needed")
    assert nobody.post("/v1/users/verify", {"token": newest, "password": PASSWORD}).status_code == 401
    assert stranger.get("/v1/me/invitations").json["data"] == []
    chosen = {"token": newest, "new_password": "amys second password", "name": "Amy"}
    assert nobody.post("/v1/users/verify", chosen).status_code == 200
    assert stranger.get("/v1/me/invitations").status_code == 401
    assert signs_in(world, STRANGER) == 401
    amy = session_of(world, {**ALICE, "password": "amys second password"})
    assert (amy.get("/v1/me").json["name"], amy.get("/v1/me").json["email_verified"]) == ("Amy", True)
    assert len(amy.get("/v1/me/invitations").json["data"]) == 1


def test_amy_owns_her_address_by_the_link_and_password_of_her_own_sign_up(world, nobody, strangers):
    stranger, amy = session_of(world, STRANGER), session_of(world, ALICE)
    own = {"token": proof(world, strangers[0]), "password": PASSWORD}
    for _ in range(2):
        assert nobody.post("/v1/users/verify", own).json == {"email": "amy@corp.example", "email_verified": True}
    assert stranger.get("/v1/me").status_code == 401
    assert amy.get("/v1/me").status_code == 401, "sessions from before the proof end"
    assert nobody.post("/v1/users/verify", {"token": proof(world, strangers[1])}).json["code"] == "link_invalid"
    assert signs_in(world, STRANGER) == 401
    assert session_of(world, ALICE).id == strangers[0]


def test_the_session_that_proves_goes_on_and_all_others_end(world, strangers):
    here, elsewhere, stranger = session_of(world, ALICE), session_of(world, ALICE), session_of(world, STRANGER)
    assert here.post("/v1/users/verify", {"token": proof(world, strangers[0])}).status_code == 200
    assert here.get("/v1/me").json["email_verified"] is True
    assert {elsewhere.get("/v1/me").status_code, stranger.get("/v1/me").status_code} == {401}


def test_a_session_of_another_sign_up_proves_nothing(world, strangers):
    stranger, amy = session_of(world, STRANGER), session_of(world, ALICE)
    for caller, link in ((stranger, proof(world, strangers[0])), (amy, proof(world, strangers[1]))):
        answer = caller.post("/v1/users/verify", {"token": link})
        assert (answer.status_code, answer.json["code"]) == (401, "password_needed")


def test_a_password_can_be_chosen_once_and_not_by_a_link_that_was_used(world, nobody, strangers):
    link = proof(world, strangers[1])
    chosen = {"token": link, "new_password": "amys second password"}
    for _ in range(2):
        assert nobody.post("/v1/users/verify", chosen).status_code == 200
    late = nobody.post("/v1/users/verify", {**chosen, "new_password": "another third password"})
    assert late.status_code == 401
    assert signs_in(world, {**ALICE, "password": "another third password"}) == 401


def test_guessing_the_password_of_a_sign_up_by_its_link_is_slowed_down(world, nobody, strangers):
    guess = {"token": proof(world, strangers[0]), "password": "wrong"}
    assert {nobody.post("/v1/users/verify", guess).status_code for _ in range(10)} == {401}
    assert nobody.post("/v1/users/verify", {**guess, "password": PASSWORD}).status_code == 429


def test_strangers_can_neither_push_amys_sign_up_out_nor_keep_hers_out(world, nobody):
    """However many strangers sign up with her address, Amy can still use the emails in her mailbox."""
    first = sign_up(world, ALICE)
    for number in range(8):
        with world.sessions.begin() as session:
            session.execute(update(Throttle).values(window_ends_at=func.now()))
        newest = sign_up(world, {**STRANGER, "password": f"the secret of stranger {number}"})
    with world.sessions() as session:
        kept = session.scalars(select(Signup).order_by(Signup.id)).all()
    assert len(kept) == 5
    assert newest not in {signup.id for signup in kept}
    assert emails(world, JobKind.VERIFICATION_MAIL) == 9, "each has an email whose link works"
    last = proof(world, kept[-1].id, kept[-1].proof_generation)
    assert nobody.post("/v1/users/verify", {"token": last}).json["code"] == "password_needed"
    assert nobody.post("/v1/users/verify", {"token": proof(world, first), "password": PASSWORD}).status_code == 200


def test_when_two_prove_at_once_one_owns_the_address(world):
    for number in range(5):
        body = {**ALICE, "email": f"amy{number}@corp.example"}
        ids = [sign_up(world, body), sign_up(world, {**body, "password": STRANGER["password"]})]
        secrets = zip(ids, (PASSWORD, STRANGER["password"]), strict=True)
        bodies = [{"token": proof(world, who), "password": secret} for who, secret in secrets]
        calls = [partial(Caller(world.app.test_client()).post, "/v1/users/verify", body) for body in bodies]
        statuses = sorted(at_once(*calls))
        assert statuses[0] == 200
        assert statuses[1] in {404, 410}
        with world.sessions() as session:
            assert len(session.scalars(select(User).where(User.email_key == body["email"])).all()) == 1
            assert session.scalars(select(Signup).where(Signup.email_key == body["email"])).all() == []


def at_once(*calls: Any) -> list[int]:
    """The statuses of calls that start together."""
    gate, statuses = Barrier(len(calls)), []

    def run(call: Any) -> None:
        gate.wait()
        statuses.append(call().status_code)

    threads = [Thread(target=run, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


def test_joining_by_an_invitation_throws_the_strangers_sign_up_out(world, nobody, alice, acme, strangers):
    stranger = session_of(world, STRANGER)
    link = world.token(world.invited(acme, alice, "amy@corp.example"))
    joined = {"token": link, "name": "Amy", "password": "amys second password"}
    assert nobody.post("/v1/invitations/accept", joined).status_code == 200
    assert stranger.get("/v1/me").status_code == 401
    assert {signs_in(world, STRANGER), signs_in(world, ALICE)} == {401}


def test_amy_joins_by_the_link_with_the_session_of_her_sign_up(world, alice, acme, strangers):
    stranger, amy = session_of(world, STRANGER), session_of(world, ALICE)
    link = world.token(world.invited(acme, alice, "amy@corp.example"))
    answer = amy.post("/v1/invitations/accept", {"token": link})
    assert answer.status_code == 200
    assert answer.json["membership"]["user"]["id"] == strangers[0]
    assert amy.get("/v1/me").json["email_verified"] is True
    assert stranger.get("/v1/me").status_code == 401


def test_a_forgotten_password_of_an_unverified_address_leads_to_its_verification(world, nobody, strangers):
    assert nobody.post("/v1/password-resets", {"email": "amy@corp.example"}).status_code == 202
    assert emails(world, JobKind.PASSWORD_RESET_MAIL) == 0
    link = proof(world, strangers[1], 2)
    assert nobody.post("/v1/users/verify", {"token": link, "new_password": "amys second password"}).status_code == 200


def test_a_sign_up_for_an_address_with_an_owner_is_answered_alike_and_opens_nothing(world, nobody, alice, acme):
    owner = world.person("amy@corp.example", password_hash=passwords.hash_password(PASSWORD))
    sign_up(world, STRANGER)
    assert (emails(world, JobKind.VERIFICATION_MAIL), emails(world, JobKind.SIGNUP_NOTICE_MAIL)) == (0, 1)
    stranger = session_of(world, STRANGER)
    world.invited(acme, alice, "amy@corp.example")
    assert stranger.get("/v1/me").json["email_verified"] is False
    assert stranger.get("/v1/me/invitations").json["data"] == []
    link = world.token(world.invited(acme, alice, "other@corp.example"))
    assert stranger.post("/v1/invitations/accept", {"token": link}).status_code == 409
    assert len(owner.get("/v1/me/invitations").json["data"]) == 1


def test_a_stranger_beside_the_owner_cannot_even_use_the_invitation_link(world, alice, acme):
    world.person("amy@corp.example", password_hash=passwords.hash_password(PASSWORD))
    sign_up(world, STRANGER)
    link = world.token(world.invited(acme, alice, "amy@corp.example"))
    answer = session_of(world, STRANGER).post("/v1/invitations/accept", {"token": link})
    assert (answer.status_code, answer.json["code"]) == (401, "unauthenticated")


def test_sign_ups_that_no_one_proves_are_gone_after_seven_days(world, nobody, strangers):
    session = session_of(world, STRANGER)
    world.change(Signup, strangers[1], created_at=func.now() - timedelta(days=7, seconds=1))
    assert signs_in(world, STRANGER) == 401
    with world.sessions.begin() as transaction:
        retention.sweep(transaction, jobs_kept=timedelta(days=90))
    assert session.get("/v1/me").status_code == 401
    assert nobody.post("/v1/users/verify", {"token": proof(world, strangers[1])}).json["code"] == "link_invalid"
    assert session_of(world, ALICE).get("/v1/me").status_code == 200


@pytest.fixture
def earlier(world: World) -> Caller:
    """A person who signed up under the previous release, where sign-ups were rows of `users`."""
    amy = world.person("amy@corp.example", proven=False, password_hash=passwords.hash_password(PASSWORD))
    world.change(
        User,
        amy.id,
        proof_generation=1,
        proof_hash=sha256(proof(world, amy.id)),
        proof_expires_at=func.now() + timedelta(days=1),
    )
    return amy


def test_a_sign_up_from_before_the_upgrade_can_be_confirmed(world, nobody, earlier):
    link = proof(world, earlier.id)
    assert nobody.post("/v1/users/verify", {"token": link}).json["code"] == "password_needed"
    assert earlier.post("/v1/users/verify", {"token": link}).status_code == 200
    assert earlier.get("/v1/me").json["email_verified"] is True
    assert session_of(world, ALICE).id == earlier.id


def test_a_sign_up_from_before_the_upgrade_makes_way_for_the_verified_one(world, nobody, earlier):
    newer = sign_up(world, {**ALICE, "password": "amys second password"})
    body = {"token": proof(world, newer), "password": "amys second password"}
    assert nobody.post("/v1/users/verify", body).status_code == 200
    assert earlier.get("/v1/me").status_code == 401
    assert signs_in(world, ALICE) == 401
    assert signs_in(world, {**ALICE, "password": "amys second password"}) == 201


def test_someone_who_has_not_proven_the_address_keeps_a_profile_and_its_sessions(world, strangers):
    amy, elsewhere = session_of(world, ALICE), session_of(world, ALICE)
    assert amy.patch("/v1/me", {"name": "Amy Li", "locale": "de"}).json["name"] == "Amy Li"
    change = {"current": PASSWORD, "new": "amys second password"}
    assert amy.put("/v1/me/password", change).status_code == 204
    assert (amy.get("/v1/me").status_code, elsewhere.get("/v1/me").status_code) == (200, 401)
    assert amy.delete("/v1/sessions/current").status_code == 204
    assert amy.get("/v1/me").status_code == 401
