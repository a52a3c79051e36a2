"""Flask-SQLAlchemy over the models shared with the workers, and the one explicit transaction of a request."""

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

# The models use `shared.db.engine.Base` alone. Only the engine and the request's session come from this extension.
db = SQLAlchemy(disable_autonaming=True, session_options={"expire_on_commit": False})


@contextmanager
def transaction() -> Iterator[Session]:
    """Run the block in one transaction; a nested block joins the outer one.

    What the guard has just read is part of it. After the commit, workers are notified of the jobs it enqueued.
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
    """Run the block in a separate transaction, for counts of attempts that must survive a rollback of the request."""
    with Session(db.engine) as session, session.begin():
        yield session


@contextmanager
def autocommit_or_transaction() -> Iterator[SessionOrConnection]:
    """Provide a connection for an effect of one statement, which is its own transaction; nested, join the outer one.

    The session's bookkeeping would cost as much as all other work of the request.
    """
    if g.get("in_transaction"):
        yield db.session()
        return
    connection = autocommit_connection()
    with _announcing(connection):
        yield connection


@contextmanager
def pipelined_transaction() -> Iterator[PipelinedTransaction]:
    """Run a few statements in one pipelined transaction, without the session's bookkeeping.

    Statements whose result isn't needed yet, such as `BEGIN` and row locks, travel with the next one that waits.
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
        # After a failure the server skips the rest of the pipeline, so a rollback would not run either.
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
    """Return the request's autocommit connection. Each statement sees everything committed before it."""
    if "reading" not in g:
        g.reading = app_context().autocommit_pool.acquire()
    return cast(AutocommitConnection, g.reading)


def discard_connection() -> None:
    """Close the request's autocommit connection, whose server no longer answers."""
    connection = g.pop("reading", None)
    if connection is not None:
        connection.close()


def release_connection(_: BaseException | None) -> None:
    """Return the request's autocommit connection to the pool."""
    connection = g.pop("reading", None)
    if connection is not None:
        app_context().autocommit_pool.release(connection)
