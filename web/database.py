"""Flask-SQLAlchemy over the models that the workers use too, and the one visible transaction of a request."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import psycopg
from flask import g
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import Session

from shared.db import Asked, Bare
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


@contextmanager
def apart() -> Iterator[Session]:
    """A transaction by itself, which holds whatever comes of the request's: for counts of tries."""
    with Session(db.engine) as session, session.begin():
        yield session


@contextmanager
def at_once() -> Iterator[Asked]:
    """For an effect that is one statement, and so a transaction by itself; within one of the request, a part of that.

    The session's own bookkeeping would cost as much as all the rest of it.
    """
    if g.get("in_transaction"):
        yield db.session()
        return
    bare = latest()
    try:
        yield bare
    finally:
        promised = jobs.promised(bare)
    kit().nudger.nudge(promised)


@contextmanager
def together() -> Iterator[Bare]:
    """The same for a few statements: one transaction, and none of the session's bookkeeping.

    What needs no answer travels with what follows it: beginning, locking and committing wait for nothing by themselves.
    """
    bare = latest()
    try:
        with bare.pipeline():
            bare.tell(b"BEGIN")
            try:
                yield bare
            except psycopg.Error:
                raise
            except BaseException:
                bare.tell(b"ROLLBACK")
                raise
            bare.tell(b"COMMIT")
    except psycopg.Error:
        # What stands in the pipeline behind a failure is not run, and so neither would be a rollback.
        abandon()
        raise


def latest() -> Bare:
    """A bare connection whose every statement sees what was committed before it; the request's own until its end."""
    if "reading" not in g:
        g.reading = kit().reader.take()
    return cast(Bare, g.reading)


def abandon() -> None:
    """Close the request's bare connection: what it leads to is of no use any more."""
    reading = g.pop("reading", None)
    if reading is not None:
        reading.close()


def give_back(_: BaseException | None) -> None:
    """Let go of the bare connection at the end of a request."""
    reading = g.pop("reading", None)
    if reading is not None:
        kit().reader.give_back(reading)
