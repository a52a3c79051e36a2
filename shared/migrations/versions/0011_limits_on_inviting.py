"""Limits on inviting, and abuse reports"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    _create_domains()
    _create_usage()
    _create_abuse_reports()
    # This comes last because it blocks readers until this migration commits.
    op.add_column("accounts", sa.Column("invitation_limits", postgresql.JSONB(), nullable=True))
    op.add_column("accounts", sa.Column("abuse_held_at", _TIME, nullable=True))


def downgrade() -> None:
    op.drop_column("accounts", "abuse_held_at")
    op.drop_column("accounts", "invitation_limits")
    for table in ("abuse_reports", "invited_recipients", "invited_domains", "invitation_usage"):
        op.drop_table(table)


def _create_domains() -> None:
    op.create_table(
        "invited_domains",
        sa.Column("account_id", sa.Text(collation="C"), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("since", sa.Date(), server_default=sa.func.current_date(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "domain", name=op.f("pk_invited_domains")),
    )
    # A domain that an account has invited to before is not a new one.
    op.execute(
        "INSERT INTO invited_domains (account_id, domain) "
        "SELECT DISTINCT account_id, split_part(email_key, '@', -1) FROM invitations"
    )
    # This comes last because a foreign key blocks writes to `accounts` until this migration commits.
    op.create_foreign_key(
        op.f("fk_invited_domains_account_id_accounts"),
        "invited_domains",
        "accounts",
        ["account_id"],
        ["id"],
        ondelete="CASCADE",
    )


def _create_usage() -> None:
    op.create_table(
        "invitation_usage",
        sa.Column("subject", sa.Text(collation="C"), nullable=False),
        sa.Column("hour_ends_at", _TIME, nullable=False),
        sa.Column("hour_count", sa.Integer(), nullable=False),
        sa.Column("day_ends_at", _TIME, nullable=False),
        sa.Column("day_count", sa.Integer(), nullable=False),
        sa.Column("domain_count", sa.Integer(), nullable=False),
        sa.Column("open_count", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_invitation_usage")),
    )
    op.create_index("ix_invitation_usage_day_ends_at", "invitation_usage", ["day_ends_at"], postgresql_using="brin")
    op.create_table(
        "invited_recipients",
        sa.Column("recipient", sa.Uuid(), nullable=False),
        sa.Column("day_ends_at", _TIME, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("recipient", name=op.f("pk_invited_recipients")),
    )
    op.create_index("ix_invited_recipients_day_ends_at", "invited_recipients", ["day_ends_at"], postgresql_using="brin")


def _create_abuse_reports() -> None:
    op.create_table(
        "abuse_reports",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("account_id", sa.Text(collation="C"), nullable=False),
        sa.Column("invitation_id", sa.Text(collation="C"), nullable=False),
        sa.Column("invited_by", sa.Text(collation="C"), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("reporter_key", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("reported_at", _TIME, server_default=sa.func.now(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("decided_at", _TIME, nullable=True),
        sa.Column("decision_reason", sa.Text(), nullable=True),
        sa.CheckConstraint("decision IN ('clear', 'keep')", name=op.f("ck_abuse_reports_decision")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_abuse_reports")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], ondelete="CASCADE", name=op.f("fk_abuse_reports_account_id_accounts")
        ),
        sa.ForeignKeyConstraint(
            ["invitation_id"],
            ["invitations.id"],
            ondelete="CASCADE",
            name=op.f("fk_abuse_reports_invitation_id_invitations"),
        ),
        sa.ForeignKeyConstraint(["invited_by"], ["users.id"], name=op.f("fk_abuse_reports_invited_by_users")),
    )
    is_open = sa.text("decided_at IS NULL")
    op.create_index("ix_abuse_reports_account_id_id", "abuse_reports", ["account_id", "id"])
    op.create_index("ix_abuse_reports_open", "abuse_reports", ["account_id", "reporter_key"], postgresql_where=is_open)
