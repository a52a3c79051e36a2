"""First answers to requests with an `Idempotency-Key`, stored to be repeated."""

from typing import Any

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base
from shared.models.columns import CreatedAt


class IdempotencyKey(Base):
    """A caller's request under one key: the fingerprint of the request and its answer."""

    __tablename__ = "idempotency_keys"

    caller: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    key: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    fingerprint: Mapped[bytes]
    status: Mapped[int | None]
    headers: Mapped[dict[str, Any] | None]
    body: Mapped[bytes | None]
    created_at: Mapped[CreatedAt] = mapped_column(index=True)
