"""The database: one declarative base, one way to open an engine, one visible transaction.

Flask-SQLAlchemy gives the web its engine and request session over the same plain models that workers use through here.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import DateTime, Engine, MetaData, NullPool, Select, Text, Update, create_engine, event, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DisconnectionError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

from shared.connection import COMMAND, Connection, Connector, Limits

AWAY = (OperationalError, InterfaceError, PoolTimeout)
"""What a transaction ends in when the database restarts, drops the connection, takes no more of them, writes nothing
for now (a standby after a failover), breaks a deadlock, or ends what has waited for too long."""

GIVEN_UP = (psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.IdleInTransactionSessionTimeout)
"""What the driver files elsewhere and is as good as away."""

# Constraints have names of our choosing, so that code can match one by name and a migration can drop it anywhere.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The root of all models: times with a zone, text without an invented limit, JSON as JSONB."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: DateTime(timezone=True), str: Text(), dict[str, Any]: JSONB, list[Any]: JSONB}  # noqa: RUF012


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
    said = trouble.original_exception
    if not isinstance(said, GIVEN_UP):
        return None
    trouble.is_disconnect = True
    return OperationalError(trouble.statement, None, said, hide_parameters=True)


class Bare(Connection):
    """A connection of the driver's own: each of its statements is a transaction by itself.

    `promised` are the kinds and ids of the jobs that were written over it, until somebody takes them to ring for them.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.promised: list[tuple[Any, str]] = []
        self._hand: psycopg.Cursor[Any] | None = None

    def ask(self, statement: bytes, values: Any) -> list[Any]:
        """The rows that the statement answers."""
        return self.tell(statement, values).fetchall()

    def later(self, statement: bytes, values: Any) -> Callable[[], list[Any]]:
        """The rows that the statement answers, for whoever asks: until then nobody within a pipeline waits for them."""
        return self.cursor().execute(statement, values).fetchall

    def tell(self, statement: bytes, values: Any = None) -> psycopg.Cursor[Any]:
        """Run the statement. Within a pipeline nobody waits for it: what it fails with comes with the next answer."""
        if self._hand is None:
            self._hand = self.cursor()
        return self._hand.execute(statement, values)


Asked = Bare | Session
"""What a question is asked of, or told what to write: by itself, or within a transaction."""


def run(asked: Asked, statement: str, values: Any) -> list[Any]:
    """The rows that a statement of our own answers, as the driver gives them; by itself it has to answer some.

    A session runs it within its transaction, once what it has yet to write is written.
    """
    if isinstance(asked, Session):
        asked.flush()
        found = asked.connection().exec_driver_sql(statement, values)
        # By way of SQLAlchemy's own rows they would come one by one, for three times as much.
        return list(found.cursor.fetchall()) if found.cursor is not None and found.returns_rows else []
    return asked.ask(statement.encode(), values)


# Left to choose, PostgreSQL plans a question anew each time, which takes three times as long as answering it.
_ASKING = {"plan_cache_mode": "force_generic_plan"}


class Reader:
    """Bare connections for `Question`s, as many as are needed at once, and kept.

    Each statement is a transaction of its own, and so sees all that was committed before it.
    """

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._idle: deque[Bare] = deque()

    def take(self) -> Bare:
        """A connection for one thread, until it is given back; raises psycopg's `OperationalError`."""
        while self._idle:
            try:
                found = self._idle.pop()
            except IndexError:
                break  # another thread was quicker
            if not found.gone:
                return found
            found.close()
        return self._connector.connect(Bare, _ASKING, autocommit=True)

    def give_back(self, connection: Bare) -> None:
        """Keep it for whoever comes next."""
        self._idle.append(connection)

    def close(self) -> None:
        """Close those that nobody uses."""
        while self._idle:
            self._idle.pop().close()


class Question:
    """A statement that is written out once and given to the bare driver, thousands of times a second.

    SQLAlchemy's own way to execute it costs some three times as much as all the rest of such a request.
    """

    def __init__(self, statement: Select[*tuple[Any, ...]] | Update) -> None:
        dialect = postgresql.psycopg.dialect()  # type: ignore[no-untyped-call]
        compiled = statement.compile(dialect=dialect)
        written = compiled.construct_expanded_state(compiled.params)
        self._sql, self._fixed = written.statement, dict(written.parameters)
        # The driver remembers what it has made of a statement by its bytes, which remember their hash.
        self._bytes = self._sql.encode()

    def ask(self, asked: Asked, **values: Any) -> list[Any]:
        """The rows as the driver gives them, with these values for the statement's parameters."""
        values = self._fixed | values
        return asked.ask(self._bytes, values) if isinstance(asked, Bare) else run(asked, self._sql, values)

    def later(self, asked: Asked, **values: Any) -> Callable[[], list[Any]]:
        """The same, answered when somebody wants to know: within a pipeline, what follows travels along."""
        if isinstance(asked, Bare):
            return asked.later(self._bytes, self._fixed | values)
        rows = self.ask(asked, **values)
        return lambda: rows

    def tell(self, asked: Asked, **values: Any) -> None:
        """The same, where nobody needs to know its rows."""
        if isinstance(asked, Bare):
            asked.tell(self._bytes, self._fixed | values)
        else:
            self.ask(asked, **values)


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


def limit(session: Session, *, statement: int, lock: int) -> None:
    """End the session's transaction where a statement of it takes longer, or waits longer for a lock: in seconds."""
    limits = text("SELECT set_config('statement_timeout', :statement, true), set_config('lock_timeout', :lock, true)")
    session.execute(limits, {"statement": f"{statement}s", "lock": f"{lock}s"})


def violated(error: IntegrityError) -> str | None:
    """The name of the constraint that said no: what two racing writers are told apart by."""
    diagnosis = getattr(error.orig, "diag", None)
    return getattr(diagnosis, "constraint_name", None)
