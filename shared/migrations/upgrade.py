"""Upgrades the database to the newest schema with Alembic, one migration at a time, without blocking users for long.

A migration that needs an exclusive lock queues behind current readers, and everyone else queues behind the migration.
One long report would then stop all invitations. So no statement waits longer than `LOCK_SECONDS`. If it does, its
migration is rolled back, the waiting transactions proceed, and it is tried again.
"""

import time
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from shared.db.connection import Connector, Limits
from shared.db.engine import open_single
from shared.errors import CannotRun
from shared.migrations.holders import holders

# An arbitrary number that nothing else in the database locks.
MIGRATING = 7_466_301
ASK_AGAIN_SECONDS = 0.2

LOCK_SECONDS = 2
"""Seconds that a statement may wait and block others. Longer than the second after which PostgreSQL cancels an
autovacuum that is in the way.
"""

REST_SECONDS = 3.0
PATIENCE_SECONDS = 300.0


def upgrade(
    database_url: str, *, say: Callable[[str], None] = lambda _: None, patience: float = PATIENCE_SECONDS
) -> None:
    """Apply every missing migration. Concurrent calls wait for each other.

    Reports through `say` which transactions it waits for, and raises `CannotRun` after `patience` seconds. The
    migration that couldn't run has then changed nothing.
    """
    with connect(database_url) as connection:
        _take_turn(connection)
        deadline = time.monotonic() + patience
        while trouble := _tried(connection):
            if time.monotonic() >= deadline:
                raise CannotRun(
                    f"{trouble} Gave up after {patience:.0f} s. This migration changed nothing. "
                    "Wait until they finish, or end them with pg_terminate_backend, then run `usher migrate` again."
                )
            say(f"{trouble} Trying again in {REST_SECONDS:.0f} s.")
            time.sleep(REST_SECONDS)


def connect(database_url: str) -> Connection:
    """A connection for migrations, with a short lock timeout."""
    limits = Limits(statement=0, lock=LOCK_SECONDS, idle_transaction=0, answer=0)
    return open_single(Connector(database_url, limits, {})).connect()


def configuration(connection: Connection) -> Config:
    """Alembic's configuration for this database."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _take_turn(connection: Connection) -> None:
    """Wait by polling until no other process migrates. The lock ends with the connection.

    A process that waits inside a statement holds a snapshot, and a CONCURRENTLY built index waits for all older
    snapshots. The two processes would wait for each other.
    """
    while not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": MIGRATING}):
        connection.commit()
        time.sleep(ASK_AGAIN_SECONDS)
    connection.commit()


def _tried(connection: Connection) -> str | None:
    """Apply the missing migrations. If a lock timed out, return the statement and the lock's holders."""
    try:
        command.upgrade(configuration(connection), "head")
    except OperationalError as error:
        if not isinstance(error.orig, LockNotAvailable):
            raise
        words = " ".join((error.statement or "").split())
        named = ", ".join(holders(connection, words, LOCK_SECONDS)) or "transactions that have ended"
        return f"`{words[:80]}{'…' * (len(words) > 80)}` waits for a lock that is held by {named}."
    return None
