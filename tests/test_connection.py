"""Connections to PostgreSQL: their timeouts, options in the operator's URL, and several hosts."""

import socket
import time

import psycopg
import pytest

from shared.db.connection import COMMAND, WEB, WORKER, Connection, Connector, Limits
from shared.db.engine import open_engine
from shared.errors import CannotRun
from tests.relay import before_postgres, through


def shown(connection: psycopg.Connection, *names: str) -> list[str]:
    return [connection.execute(f"SHOW {name}".encode()).fetchone()[0] for name in names]


@pytest.mark.parametrize(
    ("limits", "statement", "lock"), [(WEB, "6s", "3s"), (WORKER, "1min", "10s"), (COMMAND, "0", "30s")]
)
def test_each_part_is_limited_as_its_callers_need_it(database_url: str, limits: Limits, statement: str, lock: str):
    engine = open_engine(database_url, limits=limits)
    with engine.connect() as connection:
        found = shown(connection.connection.driver_connection, "statement_timeout", "lock_timeout", "enable_seqscan")
    engine.dispose()
    assert found == [statement, lock, "off"]


def test_both_ends_of_a_connection_notice_a_host_that_vanished(database_url: str):
    with (
        before_postgres(database_url) as relay,
        Connector(through(relay, database_url), WEB, {}).connect(Connection) as connection,
        socket.socket(fileno=socket.dup(connection.fileno())) as ours,
    ):
        tcp = socket.IPPROTO_TCP
        names = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
        idle, every, count, unsent = (ours.getsockopt(tcp, getattr(socket, name)) for name in names)
        assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert idle + every * count <= 6
        assert unsent == 5000
        assert shown(connection, "idle_in_transaction_session_timeout") == ["1min"]


def test_what_the_address_says_counts_more(database_url: str):
    url = f"{database_url}{'&' if '?' in database_url else '?'}options=-c%20statement_timeout%3D20s"
    with Connector(url, WEB, {}).connect(Connection) as connection:
        assert shown(connection, "statement_timeout", "lock_timeout") == ["20s", "3s"]


def test_an_address_that_can_not_be_read_is_refused_without_repeating_it():
    with pytest.raises(CannotRun) as refused:
        Connector("postgresql://usher:geheim%zz@host/db", WEB, {})
    assert "geheim" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_of_two_hosts_the_one_that_answered_is_asked_first(database_url: str):
    with before_postgres(database_url) as standby, before_postgres(database_url) as primary:
        url = through(primary, database_url).replace(f":{primary.port}/", f":{standby.port},127.0.0.1:{primary.port}/")
        connector = Connector(url, WEB, {})
        standby.__exit__()
        for _ in range(2):
            with connector.connect(Connection) as connection:
                assert connection.info.port == primary.port
        assert connector._parameters({})["port"].split(",")[0] == str(primary.port)


def test_a_silent_host_is_asked_by_no_one_for_a_moment():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        connector = Connector(f"postgresql://usher@127.0.0.1:{silent.getsockname()[1]}/usher", WEB, {})
        began = time.monotonic()
        with pytest.raises(psycopg.OperationalError, match="timeout"):
            connector.connect(Connection)
        assert time.monotonic() - began < 5
        for _ in range(100):
            with pytest.raises(psycopg.OperationalError, match="a moment ago"):
                connector.connect(Connection)
        assert time.monotonic() - began < 5
