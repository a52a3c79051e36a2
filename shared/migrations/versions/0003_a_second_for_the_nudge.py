"""A promised job's first ring is a second away by the table's own default, so that many are inserted in one statement.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE jobs ALTER COLUMN ring_at SET DEFAULT now() + interval '1 second'")


def downgrade() -> None:
    op.execute("ALTER TABLE jobs ALTER COLUMN ring_at SET DEFAULT now()")
