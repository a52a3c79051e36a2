"""Sessions and explicit transactions."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker


def session_factory(engine: Engine) -> sessionmaker[Session]:
    """A factory of sessions whose rows stay readable after the commit."""
    return sessionmaker(engine, expire_on_commit=False)


@contextmanager
def transaction(
    sessions: Callable[[], Session], after_commit: Callable[[Session], None] | None = None
) -> Iterator[Session]:
    """Run the block in one transaction, all or nothing. `after_commit` runs only after a successful commit."""
    with sessions() as session:
        with session.begin():
            yield session
        if after_commit is not None:
            after_commit(session)


def violated_constraint(error: IntegrityError) -> str | None:
    """The name of the violated constraint, which tells racing writers apart."""
    diagnosis = getattr(error.orig, "diag", None)
    return getattr(diagnosis, "constraint_name", None)
