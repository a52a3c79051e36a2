"""Builds an index on a table while people read and write it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from alembic import op
from sqlalchemy import TextClause

_PATIENCE = "5min"


def build(name: str, table: str, columns: Sequence[str | TextClause], **options: Any) -> None:
    """Build the index CONCURRENTLY. Let a migration do nothing but such: it can't stand in a transaction.

    It waits for whoever began before it and holds nobody up meanwhile, so that it may wait for longer than others.
    """
    with _patiently():
        # What a build that broke off has left is of no use, and every write keeps it up all the same.
        op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
        op.create_index(name, table, columns, postgresql_concurrently=True, **options)


def drop(name: str, table: str) -> None:
    """Drop the index CONCURRENTLY, once nothing needs it any more, with the patience of `build`."""
    with _patiently():
        op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)


@contextmanager
def _patiently() -> Iterator[None]:
    with op.get_context().autocommit_block():
        op.execute(f"SET lock_timeout = '{_PATIENCE}'")
        try:
            yield
        finally:
            op.execute("RESET lock_timeout")
