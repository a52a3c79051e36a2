"""Emails that anybody can have sent to a mailbox: few arrive, and its owner is never refused for what others did."""

from typing import Any

import pytest
from sqlalchemy import func, select

from shared.models import Job, Signup, User
from shared.tokens import Purpose, derive
from tests.web.conftest import PASSWORD, Caller, World

DORA = {"email": "dora@corp.example", "name": "Dora", "password": PASSWORD}
RESET, RESEND = "/v1/password-resets", "/v1/users/verify/resend"


def call(world: World, at: int, path: str, body: dict[str, str]) -> Any:
    """The answer to a caller from a network of their own."""
    return world.app.test_client().post(path, json=body, environ_base={"REMOTE_ADDR": f"198.51.100.{at}"})


def sent(world: World) -> int:
    """How many emails have a recipient."""
    with world.sessions() as session:
        owned = Job.subject_id.in_(select(Signup.id).union(select(User.id)))
        return session.scalar(select(func.count()).select_from(Job).where(owned)) or 0


def proves(world: World, signup_id: str, password: str) -> bool:
    """Whether the link in the email of this sign-up works."""
    token = derive(world.settings.secret_keys[0], Purpose.VERIFICATION, signup_id, 1)
    return world.nobody.post("/v1/users/verify", {"token": token, "password": password}).status_code == 200


def test_strangers_who_sign_up_with_doras_address_do_not_keep_her_from_signing_up(world):
    first = call(world, 0, "/v1/users", DORA)
    answers = [
        call(world, number, "/v1/users", {**DORA, "email": f"dora+{number}@corp.example"}) for number in range(1, 20)
    ]
    assert {answer.status_code for answer in answers} == {201}
    assert sent(world) == 10
    assert call(world, 30, "/v1/users", DORA).status_code == 201
    assert sent(world) == 10
    assert proves(world, first.json["id"], PASSWORD), "what is in the mailbox goes on working"


@pytest.mark.parametrize("path", [RESET, RESEND])
def test_strangers_who_use_up_the_sign_up_emails_do_not_stop_another_kind(world, path):
    for number in range(12):
        call(world, number, "/v1/users", DORA)
    before = sent(world)
    assert call(world, 40, path, {"email": DORA["email"]}).status_code == 202
    assert sent(world) == before + 1


def test_strangers_who_ask_for_password_resets_leave_dora_a_link_that_works(world, nobody):
    dora = world.person("dora@corp.example")
    answers = [call(world, number, RESET, {"email": "dora@corp.example"}) for number in range(12)]
    assert {answer.status_code for answer in answers} == {202}
    assert sent(world) == 5
    with world.sessions() as session:
        generation = session.get_one(User, dora.id).reset_generation
    token = derive(world.settings.secret_keys[0], Purpose.PASSWORD_RESET, dora.id, generation)
    assert nobody.post(f"{RESET}/confirm", {"token": token, "password": PASSWORD}).status_code == 200


def test_someone_whose_sign_ups_are_used_up_can_still_ask_for_another_email(nobody):
    assert [nobody.post("/v1/users", DORA).status_code for _ in range(6)] == [201] * 5 + [429]
    assert nobody.post(RESEND, {"email": DORA["email"]}).status_code == 202
    assert nobody.post(RESET, {"email": DORA["email"]}).status_code == 202


def test_a_refusal_says_how_long_to_wait_and_blames_no_place(nobody):
    answer = [nobody.post(RESET, {"email": DORA["email"]}) for _ in range(6)][-1]
    assert answer.status_code == 429
    assert answer.json["detail"] == "Too many attempts. Nothing was changed."
    assert answer.json["remedy"] == "Try again in 15 minutes."


def test_one_caller_can_sign_up_twenty_people_in_an_hour(world):
    def statuses(*, at: int) -> list[int]:
        people = [{**DORA, "email": f"dora@company-{number}.example"} for number in range(22)]
        return [call(world, at, "/v1/users", person).status_code for person in people]

    assert statuses(at=1) == [201] * 20 + [429] * 2
    assert call(world, 2, "/v1/users", DORA).status_code == 201, "another network goes on"


def test_joining_by_invitations_counts_as_no_sign_up(world, alice, acme):
    for number in range(21):
        token = world.token(world.invited(acme, alice, f"person{number}@corp.example"))
        body = {"token": token, "name": "A Person", "password": PASSWORD}
        assert Caller(world.app.test_client()).post("/v1/invitations/accept", body).status_code == 200
