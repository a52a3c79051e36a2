"""Contracts: the committed monthly spend of accounts, with start and end."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, Numeric, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base


class Contract(Base):
    """An account's committed monthly spend. `ends_on` is the last day in force. The audit log has earlier contracts."""

    __tablename__ = "contracts"

    account_id: Mapped[str] = mapped_column(
        Text(collation="C"), ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    )
    amount: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    currency: Mapped[str]
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
