"""Addresses that get no emails because the mail server reported that they don't exist."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base
from shared.models.columns import CreatedAt


class Suppression(Base):
    """A suppressed address in canonical form, the mail server's answer, and the end of the suppression."""

    __tablename__ = "suppressions"

    email_key: Mapped[str] = mapped_column(primary_key=True)
    why: Mapped[str]
    created_at: Mapped[CreatedAt]
    until: Mapped[datetime] = mapped_column(index=True)
