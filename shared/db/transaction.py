"""Sessions, and one visible transaction."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker


def session_factory(engine: Engine) -> sessionmaker[Session]:
    """Sessions whose rows stay readable after the commit."""
    return sessionmaker(engine, expire_on_commit=False)


@contextmanager
def transaction(
    sessions: Callable[[], Session], after_commit: Callable[[Session], None] | None = None
) -> Iterator[Session]:
    """One transaction from here to the end of the block: all of it or none; `after_commit` runs only once it holds."""
    with sessions() as session:
        with session.begin():
            yield session
        if after_commit is not None:
            after_commit(session)


def violated_constraint(error: IntegrityError) -> str | None:
    """The name of the constraint that said no: what two racing writers are told apart by."""
    diagnosis = getattr(error.orig, "diag", None)
    return getattr(diagnosis, "constraint_name", None)
