"""Requests sent twice: what is stored, and who can get the stored response."""

import json
from hashlib import sha256

from sqlalchemy import select

from shared.models import IdempotencyKey
from shared.tokens import fingerprints
from tests.web.conftest import PASSWORD, Caller, let_go
from web.app import create_app


def test_a_stranger_who_knows_anothers_idempotency_key_learns_nothing(world, nobody):
    carol = {"email": "carol@corp.example", "name": "Carol", "password": PASSWORD}
    first = nobody.post("/v1/users", carol, Idempotency_Key="one")
    assert nobody.post("/v1/users", carol, Idempotency_Key="one").json == first.json
    other = nobody.post("/v1/users", {**carol, "email": "dora@corp.example"}, Idempotency_Key="one")
    assert (other.status_code, other.json["email"]) == (201, "dora@corp.example")
    guessed = nobody.post("/v1/users", {**carol, "password": "another password"}, Idempotency_Key="one")
    assert "Idempotent-Replayed" not in guessed.headers


def test_what_is_stored_of_a_request_with_a_password_lets_no_one_guess_it(world, nobody):
    carol = {"email": "carol@corp.example", "name": "Carol", "password": PASSWORD}
    nobody.post("/v1/users", carol, Idempotency_Key="one")
    with world.sessions() as session:
        (row,) = session.scalars(select(IdempotencyKey)).all()
    sent = b"POST\n/v1/users?\n" + json.dumps(carol).encode()
    assert row.fingerprint != sha256(sent).digest()
    assert (
        row.fingerprint
        == fingerprints(world.settings.secret_keys, b"anyone", b"POST", b"/v1/users?", json.dumps(carol).encode())[0]
    )


def test_a_request_sent_again_after_the_secret_keys_were_rotated_is_done_once(world, alice, acme):
    body = {"email": "dora@corp.example", "role": "developer"}
    path, user = f"/v1/accounts/{acme}/invitations", {"email": "e@corp.example", "name": "E", "password": PASSWORD}
    first, enrolled = (
        alice.post(path, body, Idempotency_Key="k1"),
        world.nobody.post("/v1/users", user, Idempotency_Key="k"),
    )
    keys = ("n" * 40, *world.settings.secret_keys)
    rotated = create_app(world.settings.model_copy(update={"secret_keys": keys}))
    again = Caller(rotated.test_client(), alice.token).post(path, body, Idempotency_Key="k1")
    assert (again.status_code, again.data) == (202, first.data)
    again = Caller(rotated.test_client()).post("/v1/users", user, Idempotency_Key="k")
    assert (again.headers["Idempotent-Replayed"], again.data) == ("true", enrolled.data)
    let_go(rotated)
