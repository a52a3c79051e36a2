"""Flask-SQLAlchemy over the models that the workers use too, and the one visible transaction of a request."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import psycopg
from flask import g
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import Session

from shared.db.autocommit import AutocommitConnection, PipelinedTransaction, SessionOrConnection
from shared.jobs import queue
from web.context import app_context

# Our models stand on `shared.db.engine.Base` alone; only the engine and the request's session come from here.
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
    with _announcing(session):
        try:
            yield session
            session.commit()
        except BaseException:
            session.rollback()
            raise
        finally:
            g.in_transaction = False


@contextmanager
def apart() -> Iterator[Session]:
    """A transaction by itself, which holds whatever comes of the request's: for counts of tries."""
    with Session(db.engine) as session, session.begin():
        yield session


@contextmanager
def autocommit_or_transaction() -> Iterator[SessionOrConnection]:
    """For an effect that is one statement, and so a transaction by itself; within one of the request, a part of that.

    The session's own bookkeeping would cost as much as all the rest of it.
    """
    if g.get("in_transaction"):
        yield db.session()
        return
    connection = autocommit_connection()
    with _announcing(connection):
        yield connection


@contextmanager
def pipelined_transaction() -> Iterator[PipelinedTransaction]:
    """The same for a few statements: one transaction, and none of the session's bookkeeping.

    What needs no answer travels with what follows it: beginning, locking and committing wait for nothing by themselves.
    """
    connection = autocommit_connection()
    try:
        with _announcing(connection), connection.pipeline():
            connection.run(b"BEGIN")
            try:
                yield PipelinedTransaction(connection)
            except psycopg.Error:
                raise
            except BaseException:
                connection.run(b"ROLLBACK")
                raise
            connection.run(b"COMMIT")
    except psycopg.Error:
        # What stands in the pipeline behind a failure is not run, and so neither would be a rollback.
        discard_connection()
        raise


@contextmanager
def _announcing(unit: SessionOrConnection) -> Iterator[None]:
    """Wake the workers for what the block has enqueued, once it holds; forget it if the block fails.

    Connections and sessions are kept for later requests, and must keep no jobs of this one.
    """
    try:
        yield
    except BaseException:
        queue.take_enqueued(unit)
        raise
    app_context().notifier.notify(queue.take_enqueued(unit))


def autocommit_connection() -> AutocommitConnection:
    """A bare connection whose every statement sees what was committed before it; the request's own until its end."""
    if "reading" not in g:
        g.reading = app_context().autocommit_pool.acquire()
    return cast(AutocommitConnection, g.reading)


def discard_connection() -> None:
    """Close the request's bare connection: what it leads to is of no use any more."""
    connection = g.pop("reading", None)
    if connection is not None:
        connection.close()


def release_connection(_: BaseException | None) -> None:
    """Let go of the bare connection at the end of a request."""
    connection = g.pop("reading", None)
    if connection is not None:
        app_context().autocommit_pool.release(connection)
