"""Job administration: lanes and their pauses, heartbeats, suppressed addresses"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("lane", sa.Text(), nullable=True))
    op.add_column("jobs", sa.Column("worker", sa.Text(), nullable=True))
    unfinished = sa.text("state IN ('queued', 'running')")
    op.create_index(
        "ix_jobs_taking_turns",
        "jobs",
        [sa.text("coalesce(account_id, '')"), "ring_at"],
        postgresql_where=unfinished,
    )
    op.create_index(
        "ix_jobs_open", "jobs", ["state", "id"], postgresql_where=sa.text("state IN ('queued', 'running', 'dead')")
    )
    op.create_index("ix_jobs_account_id_id", "jobs", ["account_id", "id"])
    op.create_index("ix_jobs_finished_at", "jobs", ["finished_at"])
    op.create_table(
        "pauses",
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("lane", name=op.f("pk_pauses")),
    )
    op.create_table(
        "suppressions",
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("email_key", name=op.f("pk_suppressions")),
    )
    op.create_index(op.f("ix_suppressions_until"), "suppressions", ["until"])
    op.create_table(
        "heartbeats",
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column(
            "data", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("part IN ('worker', 'scheduler')", name=op.f("ck_heartbeats_part")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_heartbeats")),
    )


def downgrade() -> None:
    op.drop_table("heartbeats")
    op.drop_index(op.f("ix_suppressions_until"), table_name="suppressions")
    op.drop_table("suppressions")
    op.drop_table("pauses")
    for name in ("ix_jobs_finished_at", "ix_jobs_account_id_id", "ix_jobs_open", "ix_jobs_taking_turns"):
        op.drop_index(name, table_name="jobs")
    op.drop_column("jobs", "worker")
    op.drop_column("jobs", "lane")
