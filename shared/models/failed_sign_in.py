"""A sign-in that failed, for the person whose address was tried."""

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base
from shared.models.columns import CreatedAt, Id


class FailedSignIn(Base):
    """One failed sign-in. It names the address and no user: for an unknown address the same row is written."""

    __tablename__ = "failed_sign_ins"
    __table_args__ = (Index("ix_failed_sign_ins_email_key_id", "email_key", "id"),)

    id: Mapped[Id]
    email_key: Mapped[str]
    origin: Mapped[str | None]
    failed_at: Mapped[CreatedAt] = mapped_column(index=True)
