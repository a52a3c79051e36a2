"""Failed sign-ins, shown to the user of the address."""

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base
from shared.models.columns import CreatedAt, Id


class FailedSignIn(Base):
    """A failed sign-in. It has the address and no user, so unknown addresses leave the same row."""

    __tablename__ = "failed_sign_ins"
    __table_args__ = (Index("ix_failed_sign_ins_email_key_id", "email_key", "id"),)

    id: Mapped[Id]
    email_key: Mapped[str]
    origin: Mapped[str | None]
    failed_at: Mapped[CreatedAt] = mapped_column(index=True)
