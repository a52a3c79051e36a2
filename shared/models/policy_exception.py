"""Temporary or permanent exceptions from the lists for a domain, address or network, per account or installation."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base
from shared.models.columns import CreatedAt, Id, Ref, one_of
from shared.policy import Effect, Subject


class PolicyException(Base):
    """An exception. Without an account it applies to the whole installation; without an end, until it is removed.

    A removed exception is kept because verdicts refer to it.
    """

    __tablename__ = "policy_exceptions"
    __table_args__ = (
        one_of("effect", Effect),
        one_of("subject", Subject),
        Index("ix_policy_exceptions_account_id_id", "account_id", "id"),
    )

    id: Mapped[Id]
    account_id: Mapped[Ref | None] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    effect: Mapped[str]
    subject: Mapped[str]
    value: Mapped[str]
    reason: Mapped[str]
    author: Mapped[dict[str, Any]]
    created_at: Mapped[CreatedAt]
    ends_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]
