"""The real parts under the tests: a PostgreSQL and a Valkey for the run, a database and an empty broker for each test.

USHER_TEST_DATABASE_URL (with a role that may create databases) and USHER_TEST_BROKER_URL name running ones to use
instead.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import redis
from psycopg.sql import SQL, Identifier
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from shared.cli.embedded import postgres, valkey
from shared.cli.embedded.process import running
from shared.db.engine import open_engine
from shared.db.transaction import session_factory
from shared.migrations.upgrade import upgrade
from shared.settings.settings import Settings

MEMORY, ROOM = Path("/dev/shm"), 2 * 1024**3
LONG = tuple(
    f"tests/{each}" for each in ("faults/", "worker/test_processes", "worker/test_rabbitmq", "cli/test_up", "browser/")
)


def pytest_xdist_auto_num_workers() -> int:
    """Return the processes for `-n auto`: 1.5 per processor, since a third of the time is waiting for parts."""
    processors = os.cpu_count() or 1
    return processors + processors // 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the slow tests, so that no process runs one alone at the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


@pytest.fixture(scope="session")
def servers_folder() -> Iterator[Path]:
    """A folder with a short path, since the address of a Unix socket has at most about 100 characters.

    In memory if there is room: a test's database is four hundred files, and on a disk they take half of the run.
    """
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM
    with tempfile.TemporaryDirectory(prefix="usher-test-", dir=MEMORY if roomy else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def database_server(servers_folder: Path) -> Iterator[str]:
    """The address of a server on which databases can be created."""
    if url := os.environ.get("USHER_TEST_DATABASE_URL"):
        yield url
        return
    server = postgres.prepare(servers_folder / "postgres", durable=False)
    with running(server, servers_folder / "postgres.log"):
        yield server.url


@pytest.fixture(scope="session")
def broker_server(servers_folder: Path) -> Iterator[str]:
    if url := os.environ.get("USHER_TEST_BROKER_URL"):
        yield url
        return
    server = valkey.prepare(servers_folder / "valkey")
    with running(server, servers_folder / "valkey.log"):
        yield server.url


@pytest.fixture(scope="session")
def database_admin(database_server: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_server, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def template(database_server: str, database_admin: psycopg.Connection) -> Iterator[str]:
    """The name of an empty database with the newest schema, to be cloned."""
    name = f"usher_template_{token_hex(4)}"
    database_admin.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    upgrade(renamed(database_server, name))
    yield name
    database_admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@pytest.fixture(scope="session")
def database_name() -> str:
    """One name for all tests, so that settings and objects built from them can serve the next test too."""
    return f"usher_test_{token_hex(4)}"


@pytest.fixture
def database_url(
    database_server: str, database_admin: psycopg.Connection, database_name: str, template: str
) -> Iterator[str]:
    """The address of a database for this test, with the schema and no rows."""
    name = database_name
    database_admin.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(template)))
    yield renamed(database_server, name)
    _wait_for_connections_to_close(database_admin, name)
    database_admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def _wait_for_connections_to_close(admin: psycopg.Connection, name: str) -> None:
    """Wait for connections that were just closed. Dropping the database would recheck only every 100 ms."""
    connected = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'"
    for _ in range(20):
        if admin.execute(connected, [name]).fetchone() == (0,):
            return


@pytest.fixture(scope="session")
def kept_engine(database_server: str, database_name: str) -> Engine:
    """An engine that keeps its compiled statements from one test to the next, and no connections."""
    return open_engine(renamed(database_server, database_name), pool_size=5)


@pytest.fixture
def engine(database_url: str, kept_engine: Engine) -> Iterator[Engine]:
    yield kept_engine
    kept_engine.dispose()


@pytest.fixture
def sessions(engine: Engine) -> sessionmaker[Session]:
    return session_factory(engine)


@pytest.fixture
def broker_url(broker_server: str) -> str:
    """The address of the broker, emptied."""
    plain = broker_server.replace("redis+socket://", "unix://").replace("virtual_host=", "db=")
    with redis.Redis.from_url(plain) as client:
        client.flushdb()
    return broker_server


@pytest.fixture
def settings(database_url: str, broker_url: str) -> Settings:
    """Settings for this test's database and broker, and an SMTP server that doesn't exist."""
    return Settings(
        database_url=database_url,
        broker_url=broker_url,
        smtp_url="smtp://127.0.0.1:9?starttls=off",
        mail_from="Usher <usher@corp.example>",
        public_url="http://localhost:8000",
        secret_keys=("a-secret-key-of-the-tests-and-of-nothing-else",),
        operator_key="an-operator-key-of-the-tests",
        reserved_domains="allow",
    )


def environment(settings: Settings) -> dict[str, str]:
    """These settings as environment variables, as far as every part needs them."""
    names = ("database_url", "broker_url", "smtp_url", "mail_from", "public_url")
    variables = {f"USHER_{name.upper()}": str(getattr(settings, name)) for name in names}
    return variables | {"USHER_SECRET_KEYS": ",".join(settings.secret_keys)}


def renamed(url: str, database: str) -> str:
    """The address of another database on the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))
