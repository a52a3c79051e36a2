"""Builds and drops indexes on tables that are in use."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from alembic import op
from sqlalchemy import TextClause

_PATIENCE = "5min"


def build(name: str, table: str, columns: Sequence[str | TextClause], **options: Any) -> None:
    """Build the index CONCURRENTLY. This can't run in a transaction, so a migration must do nothing else.

    It waits for earlier transactions and blocks no one meanwhile, so it may wait longer than other statements.
    """
    with _patiently():
        # An interrupted build leaves an unusable index that every write still updates.
        op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
        op.create_index(name, table, columns, postgresql_concurrently=True, **options)


def drop(name: str, table: str) -> None:
    """Drop an unused index CONCURRENTLY, with the same lock timeout as `build`."""
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
