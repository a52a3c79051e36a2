"""The last sign of life of each worker and scheduler."""

from enum import StrEnum
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base
from shared.models.columns import CreatedAt, Id, one_of


class Part(StrEnum):
    """The parts of an installation that nobody can call, and that therefore have to say that they live."""

    WORKER = "worker"
    SCHEDULER = "scheduler"


class Heartbeat(Base):
    """One running part, by the name that it gave itself at its start; `beat_at` is by the database's clock."""

    __tablename__ = "heartbeats"
    __table_args__ = (one_of("part", Part),)

    name: Mapped[Id]
    part: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    started_at: Mapped[CreatedAt]
    beat_at: Mapped[CreatedAt]
