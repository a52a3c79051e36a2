"""Rules for every migration, because the previous release continues to run during and after it."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import op
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from shared import migrations
from shared.migrations import indexes

READ_THROUGH = "rewrites a table, or scans it, while it is locked for others"
NOT_ALONE = "builds an index CONCURRENTLY, outside of the transaction, beside something else, and so can't be run again"

RULES = {
    "takes away what the previous release may still read": r"DROP (TABLE|COLUMN)|RENAME",
    "asks for values that the previous release does not write": r"SET NOT NULL|ADD COLUMN (?!.*DEFAULT).*NOT NULL",
    READ_THROUGH: (
        r"ALTER COLUMN \w+ TYPE"
        r"|CREATE (UNIQUE )?INDEX (?!CONCURRENTLY)"
        r"|ADD (CONSTRAINT \w+ )?(UNIQUE|PRIMARY KEY) \("
        r"|ADD (CONSTRAINT \w+ )?(CHECK|FOREIGN KEY)(?!.*NOT VALID)"
    ),
}
"""The rules, by patterns in the SQL. They don't apply to tables that the migration itself creates."""

STANDING = {("0002", READ_THROUGH), ("0005", READ_THROUGH), ("0006", READ_THROUGH)}
"""Migrations older than the rules. If a release has to break one (such as dropping what no release has read for long),
list its number here, with the reason."""


def statements(upgrade: Callable[[], None]) -> list[str]:
    """The statements that a migration would run, each on one line."""
    written = io.StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql", opts={"as_sql": True, "output_buffer": written, "transaction_per_migration": True}
    )
    with Operations.context(context):
        upgrade()
    lines = (" ".join(statement.split()) for statement in written.getvalue().split(";\n"))
    return [line for line in lines if line and not re.match("SET |RESET |BEGIN|COMMIT", line)]


def broken(upgrade: Callable[[], None]) -> set[str]:
    """The rules that a migration breaks."""
    written = statements(upgrade)
    own = {found[1] for line in written if (found := re.match(r"CREATE TABLE (\w+)", line))}
    on_others = [
        line for line in written if not ((table := re.search(r"(?:TABLE|ON) (\w+)", line)) and table[1] in own)
    ]
    found = {rule for rule, sign in RULES.items() if any(re.search(sign, line) for line in on_others)}
    concurrently = ["CONCURRENTLY" in line for line in written]
    return found | {NOT_ALONE} if any(concurrently) and not all(concurrently) else found


def test_the_previous_release_can_live_with_every_migration():
    every = ScriptDirectory(str(Path(migrations.__file__).parent)).walk_revisions()
    found = {(script.revision, rule) for script in every for rule in broken(script.module.upgrade)}
    assert found == STANDING


@pytest.mark.parametrize(
    "upgrade",
    [
        lambda: op.drop_column("invitations", "message"),
        lambda: op.rename_table("jobs", "tasks"),
        lambda: op.alter_column("jobs", "lane", new_column_name="domain"),
        lambda: op.alter_column("jobs", "lane", nullable=False),
        lambda: op.alter_column("jobs", "attempts", type_=sa.BigInteger()),
        lambda: op.add_column("jobs", sa.Column("weight", sa.Integer(), nullable=False)),
        lambda: op.create_index("ix_jobs_lane", "jobs", ["lane"]),
        lambda: op.create_unique_constraint("uq_jobs_lane", "jobs", ["lane"]),
        lambda: op.create_check_constraint("ck_jobs_lane", "jobs", "lane <> ''"),
        lambda: op.create_foreign_key("fk_jobs_lane", "jobs", "pauses", ["lane"], ["lane"]),
        lambda: (indexes.build("ix_jobs_lane", "jobs", ["lane"]), op.add_column("jobs", sa.Column("x", sa.Text()))),
    ],
)
def test_what_it_could_not_live_with_is_seen(upgrade: Callable[[], None]):
    assert len(broken(upgrade)) == 1


@pytest.mark.parametrize(
    "upgrade",
    [
        lambda: op.add_column("jobs", sa.Column("weight", sa.Integer(), server_default="1", nullable=False)),
        lambda: op.add_column("jobs", sa.Column("note", sa.Text(), nullable=True)),
        lambda: indexes.build("ix_jobs_lane", "jobs", ["lane"]),
        lambda: op.create_check_constraint("ck_jobs_lane", "jobs", "lane <> ''", postgresql_not_valid=True),
        lambda: (op.create_table("notes", sa.Column("id", sa.Text())), op.create_index("ix_notes", "notes", ["id"])),
    ],
)
def test_what_it_can_live_with_is_let_be(upgrade: Callable[[], None]):
    assert broken(upgrade) == set()
