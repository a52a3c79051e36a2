"""New passwords: which are refused, how to change one, and the consequences of a reset."""

import hashlib
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import event, func, select

from shared.accounts import password_policy
from shared.models import Job, User
from shared.permissions import Role
from shared.tokens import Purpose, derive
from tests.web.conftest import PASSWORD, Caller, World, application, let_go
from web.auth import constant_time
from web.database import db

GOOD = "a purple elephant dances"
DORA = {"email": "dora.diaz@corp.example", "name": "Dora Díaz"}


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("password123", password_policy.COMMON),
        ("Summer2026", password_policy.COMMON),
        ("iloveyou1", password_policy.COMMON),
        ("qwertyuiop", password_policy.COMMON),
        ("zxzxzxzxzxzx", password_policy.PATTERN),
        ("x" * 200, password_policy.PATTERN),
        ("dora.diaz", password_policy.PERSONAL),
        ("DoraDiaz2026", password_policy.PERSONAL),
        ("Usher2026!", password_policy.PERSONAL),
    ],
)
def test_a_password_that_guessers_try_first_is_refused_with_a_reason(nobody, password, why):
    answer = nobody.post("/v1/users", {**DORA, "password": password})
    assert (answer.status_code, answer.json["code"]) == (422, "password_common")
    assert answer.json["errors"] == [{"field": "password", "message": why}]


@pytest.mark.parametrize("password", [PASSWORD, GOOD, "Tr0ub4dor&3", "köstliche Birnen", "k9#vQ2!mZx", GOOD * 10])
def test_a_password_that_is_hard_to_guess_is_taken(nobody, password):
    assert nobody.post("/v1/users", {**DORA, "password": password}).status_code == 201


def test_no_password_takes_long_to_judge():
    """The slowest one found by trying: every character has several possible substitutions."""
    began = time.process_time()
    password_policy.refuse_common("4@8({[<369&#!1/|0$5+7%2" * 11, about=("Dora", "dora@corp.example"))
    assert time.process_time() - began < 1


@pytest.fixture
def dora(world: World, password_hash: str) -> Caller:
    return world.person("dora@corp.example", password_hash=password_hash)


def reset_link(world: World, nobody: Caller, dora: Caller) -> str:
    assert nobody.post("/v1/password-resets", {"email": dora.email}).status_code == 202
    with world.sessions() as session:
        generation = session.get_one(User, dora.id).reset_generation
    return derive(world.settings.secret_keys[0], Purpose.PASSWORD_RESET, dora.id, generation)


def test_a_common_password_is_refused_by_every_door(world, nobody, window, alice, acme, dora):
    bad = "password123"
    link = world.token(world.invited(acme, alice, "emil@corp.example"))
    signed_up = nobody.post("/v1/users", {**DORA, "password": PASSWORD}).json["id"]
    proof = derive(world.settings.secret_keys[0], Purpose.VERIFICATION, signed_up, 1)
    answers = [
        nobody.post("/v1/invitations/accept", {"token": link, "name": "Emil", "password": bad}),
        nobody.post("/v1/users/verify", {"token": proof, "new_password": bad}),
        nobody.post("/v1/password-resets/confirm", {"token": reset_link(world, nobody, dora), "password": bad}),
        dora.put("/v1/me/password", {"current": PASSWORD, "new": bad}),
    ]
    assert [(answer.status_code, answer.json["code"]) for answer in answers] == [(422, "password_common")] * 4
    fields = [answer.json["errors"][0]["field"] for answer in answers]
    assert fields == ["password", "new_password", "password", "new"]
    page = window.send("/signup", **DORA, password=bad)
    assert page.status_code == 422
    assert password_policy.COMMON in page.text
    assert bad not in page.text


def test_the_reason_is_in_the_readers_language(window):
    window.http.environ_base["HTTP_ACCEPT_LANGUAGE"] = "de"
    assert "Dieses Passwort ist zu gebräuchlich." in window.send("/signup", **DORA, password="password123").text


def test_dora_changes_her_password_and_stays_signed_in_here_alone(world, window, dora):
    window.sign_in(dora.email)
    wrong = window.send("/me/password", current="not this one", new=GOOD)
    assert wrong.status_code == 422
    assert "This is not your current password." in wrong.text
    assert "not this one" not in wrong.text
    done = window.send("/me/password", current=PASSWORD, new=GOOD)
    assert (done.status_code, done.headers["Location"]) == (303, "/me?password=changed")
    assert "Your password is changed." in window.open("/me?password=changed").text
    assert dora.get("/v1/me").status_code == 401
    assert world.nobody.post("/v1/sessions", {"email": dora.email, "password": PASSWORD}).status_code == 401
    assert world.nobody.post("/v1/sessions", {"email": dora.email, "password": GOOD}).status_code == 201


def test_a_found_session_cannot_guess_the_password_behind_it(dora):
    tries = [dora.put("/v1/me/password", {"current": f"guess {n}", "new": GOOD}).status_code for n in range(12)]
    assert tries == [422] * 10 + [429] * 2


def test_an_api_key_changes_no_password(world, alice, acme):
    program = world.api_key(acme, alice, Role.OWNER)
    answer = program.put("/v1/me/password", {"current": PASSWORD, "new": GOOD})
    assert (answer.status_code, answer.json["code"]) == (403, "credential_not_allowed")


def test_a_reset_shows_the_api_keys_that_live_on_and_revokes_them(world, nobody, window, dora):
    account = world.account(dora, "Acme")
    key = world.api_key(account, dora, Role.ADMIN)
    link = reset_link(world, nobody, dora)
    kept = nobody.post("/v1/password-resets/confirm", {"token": link, "password": GOOD})
    assert [(row["id"], row["account"]["name"]) for row in kept.json["api_keys"]] == [(key.id, "Acme")]
    assert key.get(f"/v1/accounts/{account}").status_code == 200
    page = "/reset/" + reset_link(world, nobody, dora)
    assert "a program (Acme" in window.open(page).text
    done = window.see(page, password="another good elephant", revoke_api_keys="true")
    assert "a program" not in done.text
    assert key.get(f"/v1/accounts/{account}").status_code == 401


class Breaches(BaseHTTPRequestHandler):
    """A range query as haveibeenpwned.com answers it, for one breached password."""

    asked: list[str]
    breached = hashlib.sha1(GOOD.encode()).hexdigest().upper()

    def do_GET(self) -> None:
        self.asked.append(self.path)
        padding = f"{'0' * 34}1:3\r\n{hashlib.sha1(PASSWORD.encode()).hexdigest().upper()[5:]}:0\r\n"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{padding}{self.breached[5:]}:42\r\n".encode())

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


@pytest.fixture
def breaches() -> Iterator[ThreadingHTTPServer]:
    Breaches.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Breaches)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def asking(settings, breaches, sessions) -> Iterator[World]:
    """The service with a range query for breached passwords."""
    url = f"http://127.0.0.1:{breaches.server_port}/range"
    app = application(settings.model_copy(update={"breached_passwords_url": url}))
    yield World(app, settings, sessions)
    let_go(app)


def test_a_breached_password_is_refused_and_only_five_digits_of_it_are_sent(asking):
    answer = asking.nobody.post("/v1/users", {**DORA, "password": GOOD})
    assert (answer.status_code, answer.json["code"]) == (422, "password_common")
    assert answer.json["errors"] == [{"field": "password", "message": password_policy.BREACHED}]
    assert Breaches.asked == [f"/range/{Breaches.breached[:5]}"]
    assert asking.nobody.post("/v1/users", {**DORA, "password": PASSWORD}).status_code == 201


def test_while_no_one_answers_about_breaches_passwords_are_taken(asking, breaches):
    breaches.shutdown()
    breaches.server_close()
    assert asking.nobody.post("/v1/users", {**DORA, "password": GOOD}).status_code == 201


def work(world: World, path: str, email: str) -> tuple[int, int, float]:
    """The statements, jobs and seconds that a response about this address takes."""
    body = {"email": email} | ({"name": "Dora", "password": PASSWORD} if path == "/v1/users" else {})
    phrase: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        phrase.append(statement)

    with world.app.app_context():
        engine = db.engine
    before = jobs_of(world)
    event.listen(engine, "before_cursor_execute", note)
    began = time.monotonic()
    assert world.nobody.post(path, body).status_code in {201, 202}
    took = time.monotonic() - began
    event.remove(engine, "before_cursor_execute", note)
    return len(phrase), jobs_of(world) - before, took


def jobs_of(world: World) -> int:
    with world.sessions() as session:
        return session.scalar(select(func.count()).select_from(Job)) or 0


def test_signing_up_takes_the_same_work_for_known_and_unknown_addresses(world, dora):
    assert work(world, "/v1/users", dora.email)[:2] == work(world, "/v1/users", "unknown@corp.example")[:2]


@pytest.mark.parametrize("path", ["/v1/password-resets", "/v1/users/verify/resend"])
def test_response_times_do_not_reveal_known_addresses(world, dora, path):
    """The work is nearly the same, with a job without recipient if there is nothing to send. Constant time hides the
    rest."""
    world.person("unproven@corp.example", proven=False)
    for email in (dora.email, "unproven@corp.example", "unknown@corp.example"):
        _, enqueued, took = work(world, path, email)
        assert enqueued == 1
        assert took >= constant_time.STEP
