"""Expiry has an index that nothing else is tempted by"""

import sqlalchemy as sa

from shared.migrations import indexes

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    not_ended = sa.text("ended_at IS NULL")
    indexes.build("ix_invitations_ending", "invitations", ["expires_at"], postgresql_where=not_ended)
    indexes.drop("ix_invitations_expiring", "invitations")


def downgrade() -> None:
    is_open = sa.text("status IN ('checking', 'held', 'pending')")
    indexes.build("ix_invitations_expiring", "invitations", ["expires_at"], postgresql_where=is_open)
    indexes.drop("ix_invitations_ending", "invitations")
