"""Access: effects of ended contracts, last use of API keys, references within an account, sealed audit events"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_WORDS = "to_tsvector('simple', translate(name || ' ' || email, '@.+-_', '     '))"


def upgrade() -> None:
    op.add_column("accounts", sa.Column("lapsed_contract", sa.Text(), server_default="hold", nullable=False))
    op.create_check_constraint(op.f("ck_accounts_lapsed_contract"), "accounts", "lapsed_contract IN ('hold', 'allow')")
    op.add_column("api_keys", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_users_words", "users", [sa.text(_WORDS)], postgresql_using="gin")
    _references_inside_an_account()
    _sealed_audit()


def _references_inside_an_account() -> None:
    op.create_unique_constraint(op.f("uq_memberships_account_id_id"), "memberships", ["account_id", "id"])
    op.drop_index("ix_memberships_account_id_id", table_name="memberships")
    op.create_index("ix_memberships_account_id_role_id", "memberships", ["account_id", "role", "id"])
    op.create_unique_constraint(op.f("uq_api_keys_account_id_id"), "api_keys", ["account_id", "id"])
    op.drop_index("ix_api_keys_account_id", table_name="api_keys")
    op.drop_constraint(op.f("fk_invitations_invited_via_api_keys"), "invitations", type_="foreignkey")
    op.create_foreign_key(
        op.f("fk_invitations_account_id_invited_via_api_keys"),
        "invitations",
        "api_keys",
        ["account_id", "invited_via"],
        ["account_id", "id"],
    )
    op.create_foreign_key(
        op.f("fk_invitations_account_id_membership_id_memberships"),
        "invitations",
        "memberships",
        ["account_id", "membership_id"],
        ["account_id", "id"],
    )
    op.create_index(
        "ix_invitations_membership",
        "invitations",
        ["account_id", "membership_id"],
        postgresql_where=sa.text("membership_id IS NOT NULL"),
    )


def _sealed_audit() -> None:
    op.add_column("audit_events", sa.Column("written_in", sa.BigInteger(), nullable=True))
    # Separate from adding the column, so that existing rows need not be rewritten.
    op.alter_column("audit_events", "written_in", server_default=sa.text("pg_current_xact_id()::text::bigint"))
    op.create_index("ix_audit_events_written_in", "audit_events", ["written_in"])
    op.create_index("ix_audit_events_at", "audit_events", ["at"], postgresql_using="brin")
    op.create_table(
        "audit_seals",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.Text(collation="C"), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_seals")),
        sa.UniqueConstraint("account_id", "position", name=op.f("uq_audit_seals_account_id_position")),
    )
    op.create_table(
        "audit_chains",
        sa.Column("account_id", sa.Text(collation="C"), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_audit_chains")),
    )
    op.create_table(
        "audit_sealing",
        sa.Column("sealed_before", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("sealed_before", name=op.f("pk_audit_sealing")),
    )
    op.execute("INSERT INTO audit_sealing VALUES (0)")
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER append_only ON audit_events")
    op.execute("DROP FUNCTION refuse_change()")
    for table in ("audit_sealing", "audit_chains", "audit_seals"):
        op.drop_table(table)
    op.drop_index("ix_audit_events_at", table_name="audit_events")
    op.drop_index("ix_audit_events_written_in", table_name="audit_events")
    op.drop_column("audit_events", "written_in")
    op.drop_index("ix_invitations_membership", table_name="invitations")
    for name in ("membership_id_memberships", "invited_via_api_keys"):
        op.drop_constraint(f"fk_invitations_account_id_{name}", "invitations", type_="foreignkey")
    op.create_foreign_key("fk_invitations_invited_via_api_keys", "invitations", "api_keys", ["invited_via"], ["id"])
    op.create_index("ix_api_keys_account_id", "api_keys", ["account_id"])
    op.drop_constraint("uq_api_keys_account_id_id", "api_keys", type_="unique")
    op.drop_index("ix_memberships_account_id_role_id", table_name="memberships")
    op.create_index("ix_memberships_account_id_id", "memberships", ["account_id", "id"])
    op.drop_constraint("uq_memberships_account_id_id", "memberships", type_="unique")
    op.drop_index("ix_users_words", table_name="users")
    op.drop_column("api_keys", "last_used_at")
    op.drop_constraint("ck_accounts_lapsed_contract", "accounts", type_="check")
    op.drop_column("accounts", "lapsed_contract")
