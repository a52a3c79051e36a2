"""How often something was tried in a window of time: limits that stand for trust live in the database."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base


class Throttle(Base):
    """A counter for one key (what, and a hash of who) in one window of time.

    `allowed_at` is when the next try is allowed, where tries are slowed down rather than stopped.
    """

    __tablename__ = "throttles"

    key: Mapped[str] = mapped_column(primary_key=True)
    window_ends_at: Mapped[datetime] = mapped_column(index=True)
    count: Mapped[int]
    allowed_at: Mapped[datetime | None]
