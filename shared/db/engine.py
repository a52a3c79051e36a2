"""The database: one declarative base, one way to open an engine, one visible transaction.

Flask-SQLAlchemy gives the web its engine and request session over the same plain models that workers use through here.
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
"""What a transaction ends in when the database restarts, drops the connection, takes no more of them, writes nothing
for now (a standby after a failover), breaks a deadlock, or ends what has waited for too long."""

GIVEN_UP = (psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.IdleInTransactionSessionTimeout)
"""What the driver files elsewhere and is as good as away."""


DRIVER = "postgresql+psycopg://"
"""What SQLAlchemy is told in place of an address: connections are opened by a `Connector`, which knows it."""

# A plan that is kept may have been made while the table was empty, and reading all of it looked cheap: a backlog that
# comes then would be read through for each of its rows. Whatever is asked here has an index to find it by. And nothing
# asked here is worth starting other processes for, as PostgreSQL would for fifty of a million members.
_PLANNING = {"timezone": "UTC", "enable_seqscan": "off", "jit": "off", "max_parallel_workers_per_gather": 0}


def connector(url: str, limits: Limits) -> Connector:
    """What opens the connections of a part to `postgresql://…`."""
    return Connector(url, limits, _PLANNING)


def engine_options(pool_size: int) -> dict[str, Any]:
    """How web and workers connect: a bounded pool, and no wait longer than the caller's patience."""
    return {
        "pool_size": pool_size,
        "max_overflow": 0,
        "pool_timeout": 10,
        # Parameters are people's addresses and hashes of secrets; errors and logs show the statement alone.
        "hide_parameters": True,
    }


def open_engine(url: str, *, pool_size: int = 2, limits: Limits = COMMAND) -> Engine:
    """An engine of `pool_size` connections at the most, to `postgresql://…`."""
    engine = create_engine(DRIVER, **engine_options(pool_size))
    connect_by(engine, connector(url, limits))
    return engine


def open_single(connector: Connector) -> Engine:
    """An engine that keeps no connection."""
    engine = create_engine(DRIVER, poolclass=NullPool, hide_parameters=True)
    connect_by(engine, connector)
    return engine


def connect_by(engine: Engine, connector: Connector) -> None:
    """Have the engine's connections opened by the connector, and given up when they lead nowhere any more.

    The pool replaces a connection that the server has closed before it is used, and one that only reads.
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
    """A server that only reads is as good as away: the connection is given up, for the next may lead to the new one.

    One that a transaction was idle on for too long, the server has closed.
    """
    original = trouble.original_exception
    if not isinstance(original, GIVEN_UP):
        return None
    trouble.is_disconnect = True
    return OperationalError(trouble.statement, None, original, hide_parameters=True)


def limit(session: Session, *, statement: int, lock: int) -> None:
    """End the session's transaction where a statement of it takes longer, or waits longer for a lock: in seconds."""
    limits = text("SELECT set_config('statement_timeout', :statement, true), set_config('lock_timeout', :lock, true)")
    session.execute(limits, {"statement": f"{statement}s", "lock": f"{lock}s"})
