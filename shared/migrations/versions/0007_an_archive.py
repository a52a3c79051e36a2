"""The end of each account's audit archive; only archived events may be deleted"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_ON = "ON audit_events FOR EACH STATEMENT EXECUTE FUNCTION"


def upgrade() -> None:
    op.create_table(
        "audit_archives",
        sa.Column("account_id", sa.Text(collation="C"), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_audit_archives")),
    )
    op.execute(
        "CREATE FUNCTION refuse_loss() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF EXISTS (SELECT FROM gone WHERE NOT EXISTS ("
        "SELECT FROM audit_seals seal JOIN audit_archives archive ON archive.account_id = seal.account_id "
        "WHERE seal.seq = gone.seq AND seal.position <= archive.position)) "
        "THEN RAISE EXCEPTION 'the audit is append-only: these events are not archived'; END IF; "
        "RETURN NULL; END $$"
    )
    # Replaced, not dropped, because that blocks no readers.
    op.execute(f"CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR TRUNCATE {_ON} refuse_change()")
    op.execute(
        "CREATE TRIGGER append_only_until_archived AFTER DELETE ON audit_events REFERENCING OLD TABLE AS gone "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_loss()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER append_only_until_archived ON audit_events")
    op.execute(f"CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE {_ON} refuse_change()")
    op.execute("DROP FUNCTION refuse_loss()")
    op.drop_table("audit_archives")
