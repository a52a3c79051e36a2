"""How commands reach the database: one transaction, and one plain line where it doesn't answer."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from shared.config import Settings
from shared.db import open_engine, session_factory, transaction
from shared.errors import Unavailable
from shared.migrations import missing


def bring_up_to_date(settings: Settings) -> None:
    """Run every migration that the database lacks; raises `Unavailable`."""
    with command_transaction(settings) as session:
        lacking = missing(session.connection())
    if lacking:
        # Most starts find nothing missing, and need not load Alembic.
        from shared.migrations.upgrade import upgrade  # noqa: PLC0415

        with _answering():
            upgrade(settings.database_url)


@contextmanager
def command_transaction(settings: Settings) -> Iterator[Session]:
    """The one transaction of a command; raises `Unavailable`."""
    engine = open_engine(settings.database_url, pool_size=1)
    try:
        with _answering(), transaction(session_factory(engine)) as session:
            yield session
    finally:
        engine.dispose()


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise Unavailable(f"The database at USHER_DATABASE_URL does not answer: {error.orig}") from None
