"""A default of one second until a job's first dispatch, so that many jobs can be inserted in one statement.

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
