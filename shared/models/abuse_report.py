"""Reports of abuse by recipients of invitations."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base
from shared.models.columns import CreatedAt, Id, Ref, one_of
from shared.stored_enum import StoredEnum


class AbuseDecision(StoredEnum):
    """The operator's decision: `clear` lifts the hold on the account, `keep` leaves it in place."""

    CLEAR = "clear"
    KEEP = "keep"


_OPEN_SQL = text("decided_at IS NULL")


class AbuseReport(Base):
    """A recipient's report. `reporter_key` is the folded address, so each mailbox counts once."""

    __tablename__ = "abuse_reports"
    __table_args__ = (
        one_of("decision", AbuseDecision),
        Index("ix_abuse_reports_account_id_id", "account_id", "id"),
        Index("ix_abuse_reports_open", "account_id", "reporter_key", postgresql_where=_OPEN_SQL),
    )

    id: Mapped[Id]
    account_id: Mapped[Ref] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    invitation_id: Mapped[Ref] = mapped_column(ForeignKey("invitations.id", ondelete="CASCADE"))
    invited_by: Mapped[Ref] = mapped_column(ForeignKey("users.id"))
    email: Mapped[str]
    reporter_key: Mapped[str]
    reason: Mapped[str | None]
    reported_at: Mapped[CreatedAt]
    decision: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    decision_reason: Mapped[str | None]
