"""Sign-up, verification, sign-in and sign-out, a forgotten password, the user's own accounts."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from shared.accounts import passwords
from shared.models import Job, Signup, User
from shared.permissions import Role
from shared.tokens import Purpose, derive
from tests.web.conftest import PASSWORD, Caller, World

DORA = {"email": "dora@corp.example", "name": "Dora Díaz", "password": PASSWORD}


def mailed(world: World, kind: str) -> tuple[User | Signup, int]:
    """The user or sign-up, and the generation, of the newest enqueued email of this kind."""
    with world.sessions() as session:
        job = session.scalars(select(Job).where(Job.kind == kind).order_by(Job.id.desc())).first()
        assert job is not None
        return session.get(User, job.subject_id) or session.get_one(Signup, job.subject_id), job.generation


def link(world: World, purpose: Purpose, user: User | Signup, generation: int) -> str:
    return derive(world.settings.secret_keys[0], purpose, user.id, generation)


def test_dora_signs_up_proves_her_address_signs_in_and_out(world, nobody):
    made = nobody.post("/v1/users", DORA)
    assert made.status_code == 201
    assert made.json["email_verified"] is False
    token = link(world, Purpose.VERIFICATION, *mailed(world, "verification.mail"))
    for _ in range(2):
        proven = nobody.post("/v1/users/verify", {"token": token, "password": PASSWORD})
        assert (proven.status_code, proven.json) == (200, {"email": "dora@corp.example", "email_verified": True})
    signed_in = nobody.post("/v1/sessions", {"email": "DORA@Corp.Example", "password": PASSWORD})
    assert signed_in.status_code == 201
    assert signed_in.json["landing_account"] is None
    assert signed_in.json["user"]["id"] == made.json["id"]
    dora = Caller(nobody.http, signed_in.json["token"])
    assert dora.get("/v1/me").json["email_verified"] is True
    assert dora.delete("/v1/sessions/current").status_code == 204
    assert dora.get("/v1/me").status_code == 401


def test_a_second_sign_up_looks_like_the_first_and_its_owner_is_notified(world, nobody):
    owner = world.person("dora@corp.example")
    known = nobody.post("/v1/users", DORA)
    unknown = nobody.post("/v1/users", {**DORA, "email": "emil@corp.example"})
    assert known.status_code == unknown.status_code == 201
    assert known.json.keys() == unknown.json.keys()
    assert known.json["id"] != owner.id
    assert (known.json["name"], known.json["email_verified"]) == ("Dora Díaz", False)
    assert mailed(world, "signup_notice.mail")[0].id == owner.id
    assert owner.get("/v1/me").json["name"] == "Dora"


def test_a_late_proof_is_refused_and_a_new_one_can_be_asked_for(world, nobody):
    nobody.post("/v1/users", DORA)
    user, generation = mailed(world, "verification.mail")
    world.change(Signup, user.id, proof_expires_at=func.now() - timedelta(seconds=1))
    late = nobody.post("/v1/users/verify", {"token": link(world, Purpose.VERIFICATION, user, generation)})
    assert (late.status_code, late.json["code"]) == (410, "link_expired")
    assert nobody.post("/v1/users/verify/resend", {"email": "unknown@corp.example"}).status_code == 202
    assert nobody.post("/v1/users/verify/resend", {"email": "dora@corp.example"}).status_code == 202
    fresh = link(world, Purpose.VERIFICATION, *mailed(world, "verification.mail"))
    proof = {"token": fresh, "password": PASSWORD}
    assert nobody.post("/v1/users/verify", proof).status_code == 200


def test_an_unverified_user_cannot_create_an_account(world):
    dora = world.person("dora@corp.example", proven=False)
    answer = dora.post("/v1/accounts", {"name": "Acme"})
    assert (answer.status_code, answer.json["code"]) == (403, "email_unconfirmed")


def test_a_wrong_password_and_a_wrong_address_are_answered_alike(world, nobody):
    world.person("dora@corp.example", password_hash=passwords.hash_password(PASSWORD))
    wrong = nobody.post("/v1/sessions", {"email": "dora@corp.example", "password": "wrong"})
    unknown = nobody.post("/v1/sessions", {"email": "unknown@corp.example", "password": "wrong"})
    nonsense = nobody.post("/v1/sessions", {"email": "nonsense", "password": "wrong"})
    for answer in (wrong, unknown, nonsense):
        assert answer.status_code == 401
        assert {**answer.json, "request_id": ""} == {**wrong.json, "request_id": ""}


def test_guessing_passwords_is_stopped_and_a_right_one_forgives(world, nobody):
    world.person("dora@corp.example", password_hash=passwords.hash_password(PASSWORD))
    body = {"email": "dora@corp.example", "password": "wrong"}
    for _ in range(9):
        assert nobody.post("/v1/sessions", body).status_code == 401
    assert nobody.post("/v1/sessions", {**body, "password": PASSWORD}).status_code == 201
    for _ in range(10):
        assert nobody.post("/v1/sessions", body).status_code == 401
    stopped = nobody.post("/v1/sessions", {**body, "password": PASSWORD})
    assert (stopped.status_code, stopped.json["code"]) == (429, "rate_limited")
    assert 20 < int(stopped.headers["Retry-After"]) <= 31


def test_a_forgotten_password_is_set_again_and_every_sign_in_ends(world, nobody):
    dora = world.person("dora@corp.example")
    assert nobody.post("/v1/password-resets", {"email": "dora@corp.example"}).status_code == 202
    assert nobody.post("/v1/password-resets", {"email": "unknown@corp.example"}).status_code == 202
    token = link(world, Purpose.PASSWORD_RESET, *mailed(world, "password_reset.mail"))
    body = {"token": token, "password": PASSWORD}
    done = nobody.post("/v1/password-resets/confirm", body)
    assert (done.status_code, done.json) == (200, {"email": "dora@corp.example", "api_keys": []})
    assert dora.get("/v1/me").status_code == 401
    assert nobody.post("/v1/password-resets/confirm", body).json["code"] == "link_invalid"
    assert nobody.post("/v1/sessions", {"email": "dora@corp.example", "password": PASSWORD}).status_code == 201


def test_a_proof_is_no_key_to_the_password(world, nobody):
    nobody.post("/v1/users", DORA)
    token = link(world, Purpose.VERIFICATION, *mailed(world, "verification.mail"))
    body = {"token": token, "password": PASSWORD}
    assert nobody.post("/v1/password-resets/confirm", body).status_code == 404


def test_the_creator_of_an_account_owns_it_and_chooses_the_default(world, alice):
    first = alice.post("/v1/accounts", {"name": "  Acme   Ltd "}).json
    second = alice.post("/v1/accounts", {"name": "Second"}).json
    assert first["name"] == "Acme Ltd"
    mine = alice.get("/v1/me/accounts").json["data"]
    assert [(row["account"]["name"], row["role"], row["is_default"]) for row in mine] == [
        ("Acme Ltd", "owner", True),
        ("Second", "owner", False),
    ]
    assert alice.patch("/v1/me", {"default_account_id": second["id"]}).json["default_account_id"] == second["id"]
    assert [row["is_default"] for row in alice.get("/v1/me/accounts").json["data"]] == [False, True]
    stranger = world.account(world.person("charlie@other.example"), "Other")
    assert alice.patch("/v1/me", {"default_account_id": stranger}).status_code == 404
    assert alice.get("/v1/me").json["default_account_id"] == second["id"]
    assert alice.patch("/v1/me", {"name": "Alice Chen", "locale": "de"}).json["name"] == "Alice Chen"


def test_only_the_owner_renames_the_account(world, alice, bob, acme):
    world.join(acme, bob, Role.ADMIN)
    assert bob.patch(f"/v1/accounts/{acme}", {"name": "Mine"}).json["permission"] == "account:edit"
    assert alice.patch(f"/v1/accounts/{acme}", {"name": "Acme Europe"}).status_code == 200
    assert bob.get(f"/v1/accounts/{acme}").json["name"] == "Acme Europe"


@pytest.mark.parametrize(
    "name", ["", "   ", "x" * 101, "Acme\u202eevil", "www.evil.com", "https://evil.com", "a\u200bb"]
)
def test_a_name_that_would_mislead_in_an_email_is_refused(alice, name):
    assert alice.post("/v1/accounts", {"name": name}).status_code == 422


@pytest.mark.parametrize("name", ["O'Brien & Söhne", "株式会社アクメ", "Booking.com", "شركة", "Acme, Inc."])
def test_names_of_the_world_pass(alice, name):
    assert alice.post("/v1/accounts", {"name": name}).json["name"] == name


def test_only_the_operator_sets_a_contract(world, alice, nobody, operator, acme):
    terms = {
        "monthly_commitment": {"amount": "1000", "currency": "usd"},
        "starts_on": "2026-01-01",
        "ends_on": "2026-12-31",
    }
    path = f"/v1/accounts/{acme}/contract"
    assert alice.put(path, terms).status_code == 403
    assert nobody.put(path, terms).status_code == 401
    assert Caller(nobody.http, "a-wrong-operator-key").put(path, terms).status_code == 401
    answer = operator.put(path, terms)
    assert answer.json["monthly_commitment"] == {"amount": "1000.00", "currency": "USD"}
    assert operator.put("/v1/accounts/acc_unknown/contract", terms).status_code == 404


def test_the_matrix_is_shown_to_signed_in_users(alice, nobody):
    roles = alice.get("/v1/roles").json["data"]
    assert [row["role"] for row in roles] == ["owner", "admin", "developer", "finance_analyst", "support"]
    support = roles[-1]["permissions"]
    assert support["settings"] == ["view", "edit"]
    assert support["credentials"] == []
    assert nobody.get("/v1/roles").status_code == 401
