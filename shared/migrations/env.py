"""Alembic's entry: migrations run one process at a time, each in a transaction of its own."""

from alembic import context
from sqlalchemy import Connection, text

from shared.models import Base

# Any number will do, so long as nothing else in the database locks it.
MIGRATING = 7_466_301


def _run(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATING})
    connection.commit()
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


engine = context.config.attributes["engine"]
with engine.connect() as connection:
    _run(connection)
engine.dispose()
