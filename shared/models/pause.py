"""What is held back for a while: the mails to one destination domain, or all mails."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base
from shared.models.columns import CreatedAt

ALL_MAIL = "*"
"""The lane that every mail is in, beside the one of its domain."""


class Pause(Base):
    """No job of this lane is claimed before `until`; `why` says in words what happened."""

    __tablename__ = "pauses"

    lane: Mapped[str] = mapped_column(primary_key=True)
    until: Mapped[datetime]
    why: Mapped[str]
    since: Mapped[CreatedAt]
