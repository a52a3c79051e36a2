"""The first answer to a request that carried an `Idempotency-Key`, kept to be given again."""

from typing import Any

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base
from shared.models.columns import CreatedAt


class IdempotencyKey(Base):
    """One request of one caller under one key: the fingerprint of what was asked and the answer that was given."""

    __tablename__ = "idempotency_keys"

    caller: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    key: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    fingerprint: Mapped[bytes]
    status: Mapped[int | None]
    headers: Mapped[dict[str, Any] | None]
    body: Mapped[bytes | None]
    created_at: Mapped[CreatedAt] = mapped_column(index=True)
