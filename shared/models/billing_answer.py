"""Answers of the operator's billing system about accounts' contracts."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base


class BillingAnswer(Base):
    """The last answer about one account (without terms there is no contract), and the last failed attempt."""

    __tablename__ = "billing_answers"

    account_id: Mapped[str] = mapped_column(
        Text(collation="C"), ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    )
    terms: Mapped[dict[str, Any] | None]
    answered_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
