"""Pauses of outgoing email, to one recipient domain or to all."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base
from shared.models.columns import CreatedAt

ALL_MAIL = "*"
"""The lane of every email, in addition to the one of its domain."""


class Pause(Base):
    """A pause of one lane: none of its jobs is claimed before `until`. `why` is the reason as a sentence."""

    __tablename__ = "pauses"

    lane: Mapped[str] = mapped_column(primary_key=True)
    until: Mapped[datetime]
    why: Mapped[str]
    since: Mapped[CreatedAt]
