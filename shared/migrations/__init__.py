"""The schema's history: Alembic's scripts, numbered in their order.

Running them is `shared.migrations.upgrade`, which brings Alembic along; asking whether one is missing needs none of it.
"""

from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

NEWEST = max(path.name.partition("_")[0] for path in (Path(__file__).parent / "versions").glob("[0-9]*.py"))
"""The newest migration that this release knows."""


def missing(connection: Connection) -> bool:
    """Whether the database lacks a migration that this release needs; being newer than this release is no lack."""
    try:
        at = connection.scalar(text("SELECT version_num FROM alembic_version"))
    except ProgrammingError:
        return True
    return at is None or at < NEWEST
