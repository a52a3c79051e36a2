"""Alembic's entry: migrations run one process at a time, each in a transaction of its own."""

import time

from alembic import context
from sqlalchemy import Connection, text

from shared.models import Base

# Any number will do, so long as nothing else in the database locks it.
MIGRATING = 7_466_301
_ASK_AGAIN_SECONDS = 0.2


def _run(connection: Connection) -> None:
    _take_turn(connection)
    try:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            compare_server_default=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATING})
        connection.commit()


def _take_turn(connection: Connection) -> None:
    """Wait until nobody else migrates, by asking again and again.

    Who waits within a statement holds a snapshot meanwhile, and an index that the other builds CONCURRENTLY waits for
    all snapshots older than itself: the two would wait for each other.
    """
    while not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": MIGRATING}):
        connection.commit()
        time.sleep(_ASK_AGAIN_SECONDS)
    connection.commit()


with context.config.attributes["engine"].connect() as connection:
    _run(connection)
