"""The database access of commands: mostly one transaction, and a one-line error if the database is unavailable."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import click
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from shared.db.engine import open_engine
from shared.db.transaction import session_factory, transaction
from shared.errors import Unavailable
from shared.migrations import missing
from shared.settings.settings import Settings


def bring_up_to_date(settings: Settings) -> None:
    """Apply all missing migrations. Raises `Unavailable`, or `CannotRun` if other connections lock a table."""
    with command_transaction(settings) as session:
        lacking = missing(session.connection())
    if lacking:
        # Most starts find nothing missing and don't need Alembic.
        from shared.migrations.upgrade import upgrade  # noqa: PLC0415

        with _answering():
            upgrade(settings.database_url, say=partial(click.echo, err=True))


@contextmanager
def command_transaction(settings: Settings) -> Iterator[Session]:
    """The single transaction of a command. Raises `Unavailable`."""
    with command_sessions(settings) as sessions, transaction(sessions) as session:
        yield session


@contextmanager
def command_sessions(settings: Settings) -> Iterator[sessionmaker[Session]]:
    """Sessions for a command with several transactions, one at a time. Raises `Unavailable`."""
    engine = open_engine(settings.database_url, pool_size=1)
    try:
        with _answering():
            yield session_factory(engine)
    finally:
        engine.dispose()


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise Unavailable(f"The database at USHER_DATABASE_URL does not answer: {error.orig}") from None
