"""Counters of attempts for rate limits. Security-relevant limits are stored in the database."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base


class Throttle(Base):
    """A counter for one key (an action and a hash of the caller) in one time window.

    `allowed_at` is when the next attempt is allowed, if attempts are slowed down instead of stopped.
    """

    __tablename__ = "throttles"

    key: Mapped[str] = mapped_column(primary_key=True)
    window_ends_at: Mapped[datetime] = mapped_column(index=True)
    count: Mapped[int]
    allowed_at: Mapped[datetime | None]
