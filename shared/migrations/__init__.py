"""The schema's history: Alembic scripts in numeric order.

`shared.migrations.upgrade` runs them and imports Alembic. Testing if one is missing needs no Alembic.
"""

from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

NEWEST = max(path.name.partition("_")[0] for path in (Path(__file__).parent / "versions").glob("[0-9]*.py"))
"""The newest migration of this release."""


def missing(connection: Connection) -> bool:
    """True if the database lacks a migration of this release. A newer database lacks nothing."""
    try:
        at = connection.scalar(text("SELECT version_num FROM alembic_version"))
    except ProgrammingError:
        return True
    return at is None or at < NEWEST
