"""An address that nothing is mailed to, because a mail server said that nobody has it."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base
from shared.models.columns import CreatedAt


class Suppression(Base):
    """The address in its canonical form, what the mail server said, and until when that is believed."""

    __tablename__ = "suppressions"

    email_key: Mapped[str] = mapped_column(primary_key=True)
    why: Mapped[str]
    created_at: Mapped[CreatedAt]
    until: Mapped[datetime] = mapped_column(index=True)
