"""Parallel sign-ups until one is confirmed, failed sign-ins, and the next allowed attempt of a throttle

People who signed up before and have not confirmed their address stay in `users`. The previous release continues to
read and write them there, and the new one confirms them there.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "signups",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), server_default="en", nullable=False),
        sa.Column("proof_generation", sa.Integer(), server_default="0", nullable=False),
        sa.Column("proof_hash", sa.LargeBinary(), nullable=True),
        sa.Column("proof_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signups")),
        sa.UniqueConstraint("proof_hash", name=op.f("uq_signups_proof_hash")),
    )
    op.create_index(op.f("ix_signups_email_key"), "signups", ["email_key"])
    op.create_index(op.f("ix_signups_created_at"), "signups", ["created_at"])
    op.create_table(
        "signup_sessions",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("signup_id", sa.Text(collation="C"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["signup_id"], ["signups.id"], name=op.f("fk_signup_sessions_signup_id_signups"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signup_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_signup_sessions_token_hash")),
    )
    op.create_index(op.f("ix_signup_sessions_signup_id"), "signup_sessions", ["signup_id"])
    op.create_index(op.f("ix_signup_sessions_expires_at"), "signup_sessions", ["expires_at"])
    op.create_table(
        "failed_sign_ins",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_failed_sign_ins")),
    )
    op.create_index(op.f("ix_failed_sign_ins_email_key_id"), "failed_sign_ins", ["email_key", "id"])
    op.create_index(op.f("ix_failed_sign_ins_failed_at"), "failed_sign_ins", ["failed_at"])
    op.add_column("throttles", sa.Column("allowed_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("throttles", "allowed_at")
    op.drop_table("failed_sign_ins")
    op.drop_table("signup_sessions")
    op.drop_table("signups")
