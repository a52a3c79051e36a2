"""Indexes for one purpose each: expiry, an account's invitations by status, finished jobs by time"""

import sqlalchemy as sa

from shared.migrations import indexes

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    indexes.build("ix_invitations_ending", "invitations", ["expires_at"], postgresql_where=sa.text("ended_at IS NULL"))
    indexes.drop("ix_invitations_expiring", "invitations")
    indexes.build("ix_invitations_account_id_status_id", "invitations", ["account_id", "status", "id"])
    finished = sa.text("finished_at IS NOT NULL")
    indexes.build("ix_jobs_finished", "jobs", ["finished_at"], postgresql_where=finished)
    indexes.drop("ix_jobs_finished_at", "jobs")


def downgrade() -> None:
    is_open = sa.text("status IN ('checking', 'held', 'pending')")
    indexes.build("ix_invitations_expiring", "invitations", ["expires_at"], postgresql_where=is_open)
    indexes.drop("ix_invitations_ending", "invitations")
    indexes.drop("ix_invitations_account_id_status_id", "invitations")
    indexes.build("ix_jobs_finished_at", "jobs", ["finished_at"])
    indexes.drop("ix_jobs_finished", "jobs")
