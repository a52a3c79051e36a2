"""Flask-SQLAlchemy over the models that the workers use too, and the one visible transaction of a request."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import g
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from shared.services import jobs
from web.kit import kit

# Our models stand on `shared.db.Base` alone; only the engine and the request's session come from here.
db = SQLAlchemy(disable_autonaming=True, session_options={"expire_on_commit": False})


@contextmanager
def transaction() -> Iterator[Session]:
    """One transaction from here to the end of the block; within another one, a part of that.

    What the guard has read just before belongs to it. Once it holds, the workers are nudged for what it promised.
    """
    session = db.session()
    if g.get("in_transaction"):
        yield session
        return
    g.in_transaction = True
    try:
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        jobs.promised(session)
        raise
    finally:
        g.in_transaction = False
    kit().nudger.nudge(jobs.promised(session))


def latest() -> Connection:
    """The connection of the request's reading, each of whose statements sees what was committed before it."""
    return db.session().connection()
