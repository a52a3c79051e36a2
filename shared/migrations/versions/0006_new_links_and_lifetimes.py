"""Emails that request a new link, and the lifetime of an account's invitations"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_BEFORE = "'invitation.check', 'invitation.mail', 'verification.mail', 'password_reset.mail', 'signup_notice.mail'"
_NOW = f"{_BEFORE}, 'new_link.mail'"


def upgrade() -> None:
    _let_kinds_be(_NOW)
    op.add_column("accounts", sa.Column("invitation_hours", sa.Integer(), nullable=True))
    op.create_check_constraint(op.f("ck_accounts_invitation_hours"), "accounts", "invitation_hours BETWEEN 1 AND 720")


def downgrade() -> None:
    op.drop_column("accounts", "invitation_hours")
    op.execute(sa.text("DELETE FROM jobs WHERE kind = 'new_link.mail'"))
    _let_kinds_be(_BEFORE)


def _let_kinds_be(kinds: str) -> None:
    # NOT VALID: all existing rows satisfy it already, so the table need not be locked and scanned.
    op.execute(
        f"ALTER TABLE jobs DROP CONSTRAINT ck_jobs_kind, ADD CONSTRAINT ck_jobs_kind CHECK (kind IN ({kinds})) NOT VALID"
    )
