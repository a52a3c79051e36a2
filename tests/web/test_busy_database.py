"""A table locked by another operation, such as VACUUM FULL or a manual ALTER: callers get an error, and none hangs."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from shared.models import Account
from shared.permissions import Role
from tests.web.conftest import Caller, World
from web.database import db

BUSY = "The database is busy with another operation. Nothing was half done."
LOCKED = ("invitations", "memberships", "accounts")


@contextmanager
def locked(database_url: str, *tables: str) -> Iterator[None]:
    with psycopg.connect(database_url) as connection:
        for table in tables:
            connection.execute(SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(Identifier(table)))
        yield
        connection.rollback()


def test_a_call_on_a_locked_table_gets_a_503_and_nothing_is_half_done(
    world: World, alice: Caller, acme: str, database_url: str
):
    """By each kind of access: a pipeline, a single statement, a session, a page, an Idempotency-Key, a batch."""
    key = world.api_key(acme, alice, Role.ADMIN)
    base = f"/v1/accounts/{acme}"
    person = {"email": "dora@corp.example", "role": "developer"}
    calls = [
        lambda: key.post(f"{base}/invitations", person),
        lambda: key.post(f"{base}/invitations", person, Idempotency_Key="once"),
        lambda: key.post(f"{base}/invitations/batch", {"invitations": [person]}),
        lambda: key.get(f"{base}/invitations"),
        lambda: key.get(f"{base}/members"),
        lambda: alice.patch(base, {"name": "Renamed"}),
        lambda: world.nobody.get("/i/" + "x" * 43),
    ]
    answers: list[tuple[int, str | None, str, float]] = []

    def ask(call) -> None:
        began = time.monotonic()
        answer = call()
        words = answer.json["detail"]
        answers.append((answer.status_code, answer.headers.get("Retry-After"), words, time.monotonic() - began))

    with locked(database_url, *LOCKED):
        threads = [threading.Thread(target=ask, args=[call]) for call in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert {(status, again) for status, again, *_ in answers} == {(503, "5")}
    assert {words for *_, words, _ in answers} == {BUSY}
    assert len(answers) == len(calls)
    assert max(seconds for *_, seconds in answers) < 10
    assert alice.get(f"{base}/invitations").json["data"] == []
    with world.sessions() as session:
        assert session.get_one(Account, acme).name == "Acme"
    assert key.post(f"{base}/invitations", person, Idempotency_Key="once").status_code == 202


def test_probes_and_figures_wait_for_no_locked_table(operator: Caller, database_url: str):
    with locked(database_url, "jobs", "heartbeats", "alembic_version"):
        began = time.monotonic()
        alive, ready, figures = operator.get("/healthz"), operator.get("/readyz"), operator.get("/metrics")
        seconds = time.monotonic() - began
    assert (alive.status_code, ready.status_code, figures.status_code) == (200, 503, 200)
    assert "away" in ready.json["parts"]["database"]
    assert "usher_database_up 0" in figures.text
    assert seconds < 5


@pytest.mark.parametrize("seconds", [6])
def test_a_statement_that_takes_too_long_is_ended_before_its_caller_gives_up(app, seconds: int):
    began = time.monotonic()
    with app.app_context(), pytest.raises(Exception, match="statement timeout"):
        db.session.execute(db.text("SELECT pg_sleep(60)"))
    assert seconds <= time.monotonic() - began < 8
