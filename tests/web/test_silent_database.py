"""A database that stops responding: its process is frozen, or a proxy in between doesn't notice that it is gone."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.orm import Session, sessionmaker

from shared.settings.settings import Settings
from tests.relay import Relay, before_postgres, through
from tests.web.conftest import World, let_go
from web.app import create_app


@pytest.fixture
def relay(database_url: str) -> Iterator[Relay]:
    with before_postgres(database_url) as relay:
        yield relay


@pytest.fixture
def world(relay: Relay, settings: Settings, sessions: sessionmaker[Session]) -> Iterator[World]:
    app = create_app(settings.model_copy(update={"database_url": through(relay, settings.database_url)}))
    yield World(app, settings, sessions)
    let_go(app)


def test_every_caller_gets_a_503_within_ten_seconds_and_then_at_once_until_it_answers(world, relay, alice, acme):
    calls = [("GET", None), ("PATCH", {"name": "Acme"})]  # An autocommit connection, and one of the pool.

    def ask(number: int) -> tuple[int, str | None, float]:
        began = time.monotonic()
        method, body = calls[number % 2]
        answer = alice.ask(method, f"/v1/accounts/{acme}", body)
        return answer.status_code, answer.headers.get("Retry-After"), time.monotonic() - began

    with ThreadPoolExecutor(4) as threads:
        assert {status for status, *_ in threads.map(ask, range(8))} == {200}
        relay.fall_silent()
        first = list(threads.map(ask, range(4)))
        next_ones = list(threads.map(ask, range(20)))
    assert {(status, again) for status, again, _ in first + next_ones} == {(503, "5")}
    assert max(seconds for *_, seconds in first + next_ones) < 10
    # No caller waits again for what the first ones have waited for, except one probe at a time.
    assert sorted(seconds for *_, seconds in next_ones)[len(next_ones) * 3 // 4] < 0.5
    relay.speak()
    deadline = time.monotonic() + 10
    while ask(0)[0] != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
