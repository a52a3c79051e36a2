"""A migration that other connections block forever. `tests/faults` has one that is blocked for a while, under load."""

import psycopg
import pytest
from alembic import command
from psycopg.rows import scalar_row

from shared.errors import CannotRun
from shared.migrations.upgrade import configuration, connect, upgrade

NEEDS_THE_JOBS = "0006"


@pytest.fixture
def behind(database_url: str) -> str:
    """A database that lacks a migration that needs the jobs table exclusively."""
    with connect(database_url) as connection:
        command.downgrade(configuration(connection), "0005")
    return database_url


def newest(database_url: str) -> str:
    with psycopg.connect(database_url, row_factory=scalar_row) as connection:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone())


def test_a_connection_that_blocks_forever_is_named_and_nothing_is_half_done(behind: str) -> None:
    with psycopg.connect(behind, application_name="a long report") as report:
        report.execute("SELECT count(*) FROM jobs")
        with pytest.raises(CannotRun) as gave_up:
            upgrade(behind, patience=0)
        assert f"process {report.info.backend_pid} (" in str(gave_up.value)
        assert "a long report: idle in transaction" in str(gave_up.value)
        assert newest(behind) < NEEDS_THE_JOBS
    upgrade(behind)
    assert newest(behind) >= NEEDS_THE_JOBS
