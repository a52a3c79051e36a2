"""Downloaded network lists, so that every process on every machine uses the same."""

from datetime import datetime

from sqlalchemy import LargeBinary
from sqlalchemy.orm import Mapped, deferred, mapped_column

from shared.db.base import Base


class NetworkList(Base):
    """The last good content of a URL, compressed, and the result of the last download.

    `version` grows with each change of the content. `fetched_at` is when it was last known to be the newest.
    """

    __tablename__ = "network_lists"

    place: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default="0")
    content: Mapped[bytes | None] = deferred(mapped_column(LargeBinary))
    checksum: Mapped[bytes | None]
    etag: Mapped[str | None]
    size: Mapped[int] = mapped_column(server_default="0")
    fetched_at: Mapped[datetime | None]
    tried_at: Mapped[datetime | None]
    error: Mapped[str | None]
