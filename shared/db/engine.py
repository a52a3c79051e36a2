"""The database engine: how components connect, and which errors mean that the database is unavailable.

Flask-SQLAlchemy gives the web server its engine and request session, over the same plain models that workers use
through this module.
"""

from typing import Any

import psycopg
from sqlalchemy import Engine, NullPool, create_engine, event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from shared.db.connection import COMMAND, Connection, Connector, Limits

UNAVAILABLE = (OperationalError, InterfaceError, PoolTimeout)
"""Errors of a transaction while the database is unavailable: it restarts, drops the connection, accepts no more of
them, is read-only (a standby after a failover), breaks a deadlock, or cancels a statement that waited too long.
"""

GIVEN_UP = (psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.IdleInTransactionSessionTimeout)
"""Errors that the driver classifies differently and that also mean the database is unavailable."""


DRIVER = "postgresql+psycopg://"
"""The URL that SQLAlchemy gets. A `Connector` knows the address and opens the connections."""

# A cached plan may date from when the table was empty and a sequential scan looked cheap. With a later backlog it would
# scan the whole table for each row. Every query here has an index to use, and none is worth the parallel workers that
# PostgreSQL would start to find fifty of a million members.
_PLANNING = {"timezone": "UTC", "enable_seqscan": "off", "jit": "off", "max_parallel_workers_per_gather": 0}


def connector(url: str, limits: Limits) -> Connector:
    """A connector of a component to `postgresql://...`."""
    return Connector(url, limits, _PLANNING)


def engine_options(pool_size: int) -> dict[str, Any]:
    """Engine options of the web server and workers: a bounded pool with a limited wait for a connection."""
    return {
        "pool_size": pool_size,
        "max_overflow": 0,
        "pool_timeout": 10,
        # Parameters are email addresses and hashes of secrets, so errors and logs show only the statement.
        "hide_parameters": True,
    }


def open_engine(url: str, *, pool_size: int = 2, limits: Limits = COMMAND) -> Engine:
    """An engine with at most `pool_size` connections to `postgresql://...`."""
    engine = create_engine(DRIVER, **engine_options(pool_size))
    connect_by(engine, connector(url, limits))
    return engine


def open_single(connector: Connector) -> Engine:
    """An engine that keeps no connection open."""
    engine = create_engine(DRIVER, poolclass=NullPool, hide_parameters=True)
    connect_by(engine, connector)
    return engine


def connect_by(engine: Engine, connector: Connector) -> None:
    """Open the engine's connections with the connector, and discard those that no longer work.

    The pool replaces a connection that the server closed or that is read-only before it is used.
    """

    def connect(_dialect: Any, _record: Any, _arguments: Any, parameters: dict[str, Any]) -> Connection:
        return connector.connect(Connection, **parameters)

    event.listen(engine, "do_connect", connect)
    event.listen(engine, "checkout", _refuse_dead)
    event.listen(engine, "handle_error", _give_up, retval=True)


def _refuse_dead(connection: Any, record: Any, proxy: Any) -> None:
    del record, proxy
    if connection.gone:
        raise DisconnectionError("the server has closed this connection")


def _give_up(trouble: ExceptionContext) -> BaseException | None:
    """Discard a connection to a read-only server, because the next one may lead to the new primary.

    Do the same with a connection that the server closed because a transaction was idle for too long.
    """
    original = trouble.original_exception
    if not isinstance(original, GIVEN_UP):
        return None
    trouble.is_disconnect = True
    return OperationalError(trouble.statement, None, original, hide_parameters=True)


def limit(session: Session, *, statement: int, lock: int) -> None:
    """Set time limits for the statements and lock waits of the session's transaction, in seconds."""
    limits = text("SELECT set_config('statement_timeout', :statement, true), set_config('lock_timeout', :lock, true)")
    session.execute(limits, {"statement": f"{statement}s", "lock": f"{lock}s"})
