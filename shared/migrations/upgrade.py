"""Brings the database to the newest schema, by Alembic, one migration at a time, and holds nobody up for long.

A migration that wants a table for itself queues behind whoever is reading it, and everybody else queues behind the
migration: one long report, and nobody can invite until it ends. So no statement waits for longer than `LOCK_SECONDS`.
Its migration is undone then, those who had to wait get their turn, and it is tried again.
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

# Any number will do, so long as nothing else in the database locks it.
MIGRATING = 7_466_301
ASK_AGAIN_SECONDS = 0.2

LOCK_SECONDS = 2
"""How long a statement may wait, and others behind it: longer than the second after which PostgreSQL by itself ends an
autovacuum that is in the way."""

REST_SECONDS = 3.0
PATIENCE_SECONDS = 300.0


def upgrade(
    database_url: str, *, say: Callable[[str], None] = lambda _: None, patience: float = PATIENCE_SECONDS
) -> None:
    """Run every migration that the database lacks; several at once wait for each other.

    Tells by `say` who keeps it waiting, and raises `CannotRun` once that has lasted for `patience` seconds: the
    migration that couldn't run has then done nothing.
    """
    with connect(database_url) as connection:
        _take_turn(connection)
        deadline = time.monotonic() + patience
        while trouble := _tried(connection):
            if time.monotonic() >= deadline:
                raise CannotRun(
                    f"{trouble} Gave up after {patience:.0f} s, and this migration has done nothing. "
                    "Wait until they are through, or end them with pg_terminate_backend, and run `usher migrate` again."
                )
            say(f"{trouble} Trying again in {REST_SECONDS:.0f} s.")
            time.sleep(REST_SECONDS)


def connect(database_url: str) -> Connection:
    """A connection for migrations, which waits for no lock for long."""
    limits = Limits(statement=0, lock=LOCK_SECONDS, idle_transaction=0, answer=0)
    return open_single(Connector(database_url, limits, {})).connect()


def configuration(connection: Connection) -> Config:
    """Alembic's configuration for this database."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _take_turn(connection: Connection) -> None:
    """Wait until nobody else migrates, by asking again and again; the turn ends with the connection.

    Who waits within a statement holds a snapshot meanwhile, and an index that the other builds CONCURRENTLY waits for
    all snapshots older than itself: the two would wait for each other.
    """
    while not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": MIGRATING}):
        connection.commit()
        time.sleep(ASK_AGAIN_SECONDS)
    connection.commit()


def _tried(connection: Connection) -> str | None:
    """Run what is lacking; what stood in the way, and who, where a lock couldn't be had."""
    try:
        command.upgrade(configuration(connection), "head")
    except OperationalError as error:
        if not isinstance(error.orig, LockNotAvailable):
            raise
        words = " ".join((error.statement or "").split())
        named = ", ".join(holders(connection, words, LOCK_SECONDS)) or "transactions that are over by now"
        return f"`{words[:80]}{'…' * (len(words) > 80)}` waits for a lock that is held by {named}."
    return None
