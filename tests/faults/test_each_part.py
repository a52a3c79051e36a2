"""Each part of a running service killed, frozen, or missing for long, by itself and in small: nothing is lost.

The rows are those of the fault plan. They share one service, which each test leaves as it found it.
"""

import signal
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from tests.cli.processes import eventually
from tests.conftest import renamed
from tests.faults.ledger import compare
from tests.faults.scenarios import again_and_again, finish
from tests.faults.service import Service


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("s"), workers=1) as service:
        yield service


@pytest.fixture(autouse=True)
def nothing_lost(service: Service) -> Iterator[None]:
    """After each test, everything that was acknowledged has been emailed once."""
    yield
    finish(service, within=60)
    found = compare(service)
    assert (found.lost, found.open, found.dead, found.copies) == (0, 0, 0, 0), found
    assert found.mailed == found.acknowledged > 0


def invite(service: Service, name: str, count: int = 8) -> list[str]:
    emails = [f"{name}{number}@office{number}.example" for number in range(count)]
    service.client.invite_all(emails, at_a_time=2)
    return emails


def mailed(service: Service, emails: list[str]) -> bool:
    return {line["to"] for line in service.lines()} >= set(emails)


def test_the_web_server_killed_right_after_its_answer(service: Service) -> None:
    """Row 3: jobs that it had not yet sent to the broker are found in the database by the scheduler."""
    for number in range(3):
        service.client.invite(f"hasty{number}@office.example")
        service.kill("web")
    eventually(lambda: mailed(service, [f"hasty{number}@office.example" for number in range(3)]), within=30)
    eventually(service.client.ready, within=30)


def test_a_broker_that_is_frozen_makes_no_one_wait(service: Service) -> None:
    """Row 5: connections to it stay open, and no reply arrives."""
    service.send("valkey", signal.SIGSTOP)
    since = len(service.client.seconds)
    try:
        emails = invite(service, "frozen")
        assert max(service.client.seconds[since:]) < 2
        eventually(lambda: mailed(service, emails), within=30)
    finally:
        service.send("valkey", signal.SIGCONT)


def test_a_worker_hears_the_broker_again_after_each_of_its_restarts(service: Service) -> None:
    """Row 7: by itself. Otherwise only the scheduler would work, as it does while the broker is away."""
    for number in range(5):
        service.kill("valkey")
        invite(service, f"flap{number}-", 2)
    did = "SELECT count(*) FROM jobs j JOIN heartbeats h ON j.worker LIKE h.name || '/%' WHERE h.part = 'worker'"
    finish(service, within=60)
    before = service.rows(did)[0][0]

    def a_worker_does_it() -> bool:
        service.client.invite(f"heard{time.monotonic_ns()}@office.example")
        finish(service, within=30)
        return bool(service.rows(did)[0][0] > before)

    eventually(a_worker_does_it, within=60)


def test_a_database_that_restarts_keeps_what_was_acknowledged(service: Service) -> None:
    """Row 8: requests that were cut off are sent again under their key, and create one invitation."""
    deaths = service.parts["postgres"].deaths
    with again_and_again(1.5, lambda: service.kill("postgres", signal.SIGQUIT)):
        while len(deaths) < 3:
            invite(service, f"restart{len(service.client.acknowledged)}-")
    (twice,) = service.rows("SELECT count(*) - count(DISTINCT email_key) FROM invitations")[0]
    assert twice == 0


@pytest.mark.parametrize(
    ("spoil", "fix"),
    [
        ("ALTER SYSTEM SET default_transaction_read_only = on", "ALTER SYSTEM RESET default_transaction_read_only"),
        ("ALTER DATABASE postgres ALLOW_CONNECTIONS false", "ALTER DATABASE postgres ALLOW_CONNECTIONS true"),
    ],
    ids=["it only reads", "it takes no more connections"],
)
def test_a_database_that_accepts_nothing_for_now_is_a_503(service: Service, spoil: str, fix: str) -> None:
    """Row 9: a standby after a failover, or all connections in use. 503 with `Retry-After`, nothing is half done."""
    # A statement may fail on a connection that was idle for long, but not on the one that reports this.
    eventually(service.client.ready, within=20)
    with admin(service, "template1") as connection:
        try:
            for statement in (spoil, "SELECT pg_reload_conf()", REST):
                connection.execute(statement.encode())
            body = {"email": "half@office.example", "role": "support"}
            path = f"/v1/accounts/{service.client.account}/invitations"
            answers = [service.client.ask("POST", path, body) for _ in range(5)]
            ready, _ = service.client.ask("GET", "/readyz")
            threading.Event().wait(1)  # Background processes meet it as well.
        finally:
            for statement in ("SET default_transaction_read_only = off", fix, "SELECT pg_reload_conf()", REST):
                connection.execute(statement.encode())
    assert {(status, answer["code"]) for status, answer in answers} == {(503, "unavailable")}
    assert ready == 503
    assert service.rows("SELECT count(*) FROM invitations WHERE email = 'half@office.example'") == [(0,)]
    eventually(service.client.ready, within=20)
    invite(service, f"after{len(fix)}-", 3)


def test_what_fell_due_while_no_scheduler_ran_is_done_once_when_one_comes(service: Service) -> None:
    """Row 11: an hour without a scheduler, as far as the rows can tell."""
    emails = invite(service, "late", 5)
    finish(service, within=30)
    service.hold_down("scheduler")
    with admin(service) as connection:
        connection.execute("UPDATE invitations SET expires_at = now() - interval '1 hour' WHERE email LIKE 'late%'")
    service.let_up("scheduler")
    over = "SELECT count(*) FROM invitations WHERE email LIKE 'late%' AND status = 'expired'"
    eventually(lambda: service.rows(over) == [(len(emails),)], within=30)
    query = "SELECT count(*) FROM audit_events WHERE action = 'invitation.expired'"
    assert service.rows(query) == [(len(emails),)]


def test_parts_that_are_asked_to_stop_one_after_the_other_drop_nothing(service: Service) -> None:
    """Row 17: a deployment while people invite."""
    asked = []

    def stop_the_next() -> None:
        asked.append(["worker0", "scheduler", "web"][len(asked) % 3])
        service.send(asked[-1], signal.SIGTERM)

    with again_and_again(1.5, stop_the_next):
        while len(asked) < 6:
            invite(service, f"deployed{len(service.client.acknowledged)}-")
    eventually(service.client.ready, within=30)


REST = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'postgres' AND pid <> pg_backend_pid()"
"""Ends every connection to the service's database."""


def admin(service: Service, database: str = "postgres") -> psycopg.Connection:
    return psycopg.connect(renamed(service.settings.database_url, database), autocommit=True)
