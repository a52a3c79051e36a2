"""The latest heartbeat of each worker and scheduler."""

from enum import StrEnum
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base
from shared.models.columns import CreatedAt, Id, one_of


class Part(StrEnum):
    """Components that accept no requests and therefore report their own heartbeats."""

    WORKER = "worker"
    SCHEDULER = "scheduler"


class Heartbeat(Base):
    """A running component with the name it chose at start. `beat_at` is by the database's clock."""

    __tablename__ = "heartbeats"
    __table_args__ = (one_of("part", Part),)

    name: Mapped[Id]
    part: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    started_at: Mapped[CreatedAt]
    beat_at: Mapped[CreatedAt]
