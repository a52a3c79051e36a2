"""Callers who send slowly, too much, or nothing more, to a real web server."""

import json
import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psycopg
import pytest

from shared.settings.settings import Settings
from tests.cli.processes import eventually
from tests.web.conftest import Caller, World
from tests.web.raw import RawServer, raw_server, read_all, request

HALF_A_HEAD = b"POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-"
HALF_A_BODY = (
    b"POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b'Content-Length: 1000\r\n\r\n{"email":'
)
TOO_MUCH = 3_000_000


NOWHERE = "postgresql://no_one@127.0.0.1:1/nothing"
SETTINGS = Settings(
    database_url=NOWHERE,
    broker_url="redis://127.0.0.1:1/0",
    smtp_url="smtp://127.0.0.1:9?starttls=off",
    mail_from="usher@corp.example",
    public_url="http://localhost:8000",
    secret_keys=("a-secret-key-of-the-tests-and-of-nothing-else",),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RawServer]:
    """A server whose tests need no database."""
    with raw_server(SETTINGS, tmp_path_factory.mktemp("web")) as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def slow(server: RawServer) -> Iterator[list[socket.socket]]:
    """Two hundred callers who have sent half a head or half a body, during the whole test."""
    with ExitStack() as stack:
        links = [stack.enter_context(server.connect()) for _ in range(200)]
        for number, link in enumerate(links):
            link.sendall(HALF_A_HEAD if number % 2 else HALF_A_BODY)
        yield links


def seconds_to_say_that_it_lives(server: RawServer) -> float:
    began = time.monotonic()
    assert server.ask("/healthz").startswith(b"HTTP/1.1 200")
    return time.monotonic() - began


def test_two_hundred_slow_senders_keep_no_one_waiting(server: RawServer) -> None:
    times = sorted(seconds_to_say_that_it_lives(server) for _ in range(20))
    assert times[10] < 0.1
    assert server.ask("/v1/sessions", method="POST", body=b"{}").startswith(b"HTTP/1.1 422")


def test_a_body_that_is_too_large_is_refused_before_it_comes(server: RawServer) -> None:
    with server.connect() as link:
        link.sendall(f"POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {TOO_MUCH}\r\n\r\n".encode())
        assert link.recv(4096).startswith(b"HTTP/1.1 413")


def test_a_caller_who_sends_too_much_before_reading_gets_to_read_why(server: RawServer) -> None:
    piece = b"10000\r\n" + b"a" * 65536 + b"\r\n"
    head = b"POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert server.send(head, piece * (TOO_MUCH // 65536), b"0\r\n\r\n").startswith(b"HTTP/1.1 413")
    whole = request("/v1/sessions", method="POST", body=b"a" * TOO_MUCH)
    assert server.send(whole).startswith(b"HTTP/1.1 413")


def test_a_body_in_pieces_is_read_like_any_other(server: RawServer) -> None:
    head = b"POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    chunked = head + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = server.send(chunked, b"1\r\n{\r\n", b'c\r\n"email": "a"\r\n', b"1\r\n}\r\n0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 422")
    assert b'"password"' in answer
    assert b'"email"' not in answer.partition(b'"errors"')[2].partition(b"]")[0] or b"address" in answer


def test_a_caller_who_waits_to_be_asked_for_the_body_is_asked(server: RawServer) -> None:
    with server.connect() as link:
        link.sendall(
            b"POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        )
        assert link.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        link.sendall(b"{}")
        assert link.recv(4096).startswith(b"HTTP/1.1 4")


def test_one_connection_carries_several_requests_at_once(server: RawServer) -> None:
    answers = server.send(
        request("/healthz", method="HEAD")
        + request("/v1/sessions", method="POST", body=b"{}")
        + request("/nowhere%FF", "Connection: close")
    )
    statuses = re.findall(rb"HTTP/1\.1 (\d+)", answers)
    assert statuses == [b"200", b"422", b"404"]


def test_half_a_request_that_is_abandoned_costs_nothing(server: RawServer) -> None:
    for _ in range(50):
        with server.connect() as link:
            link.sendall(HALF_A_BODY)
    assert seconds_to_say_that_it_lives(server) < 0.5
    assert "error" not in server.log.read_text()


def test_a_slow_sender_gets_408_and_is_disconnected(server: RawServer, slow: list[socket.socket]) -> None:
    trickling = slow[2]
    trickling.settimeout(0.2)
    answer = b""
    while not answer:
        trickling.sendall(b" ")
        with suppress(TimeoutError):
            answer = trickling.recv(4096)
    for events in (answer, read_all(slow[0])):
        assert events.startswith(b"HTTP/1.1 408")
        assert b"connection: close" in events
        assert json.loads(events.partition(b"\r\n\r\n")[2])["code"] == "too_slow"


def test_a_locked_table_stops_no_sign_of_life_and_a_stop_loses_nothing(
    settings: Settings, world: World, alice: Caller, acme: str, tmp_path: Path
) -> None:
    bearer = f"Authorization: Bearer {alice.token}"
    with raw_server(settings, tmp_path, USHER_WEB_THREADS="2") as server:
        export = server.ask(f"/v1/accounts/{acme}/audit-events.csv", bearer)
        assert b"transfer-encoding: chunked" in export
        assert export.endswith(b"0\r\n\r\n")
        with psycopg.connect(settings.database_url) as holding, ExitStack() as stack:
            holding.execute("LOCK TABLE memberships IN ACCESS EXCLUSIVE MODE")
            *waiting, slow = [stack.enter_context(server.connect()) for _ in range(9)]
            slow.sendall(HALF_A_BODY)
            for link in waiting:
                link.sendall(request(f"/v1/accounts/{acme}/members", bearer))
            locked = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            with psycopg.connect(settings.database_url, autocommit=True) as looking:
                eventually(lambda: looking.execute(locked).fetchone() == (2,))
            assert seconds_to_say_that_it_lives(server) < 0.5
            server.process.send_signal(signal.SIGTERM)
            holding.rollback()
            assert [link.recv(12) for link in waiting] == [b"HTTP/1.1 200"] * 8
            assert slow.recv(12) == b"HTTP/1.1 408"
            assert server.process.wait(7) == 0
