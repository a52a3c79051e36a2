"""Accounts, the tenants that several people share."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base
from shared.models.columns import CreatedAt, Id, one_of
from shared.stored_enum import StoredEnum


class LapsedContract(StoredEnum):
    """Effects of an ended contract on the account's pending invitations."""

    HOLD = "hold"
    ALLOW = "allow"


class Account(Base):
    """An account of the company's product, shared by its members.

    `invitation_hours` is the time until its invitations expire; None is the installation's default. `invitation_limits`
    are limits on inviting set by the operator, by name. `abuse_held_at` is set while abuse reports keep its new
    invitations on hold.
    """

    __tablename__ = "accounts"
    __table_args__ = (
        one_of("lapsed_contract", LapsedContract),
        CheckConstraint("invitation_hours BETWEEN 1 AND 720", name="invitation_hours"),
    )

    id: Mapped[Id]
    name: Mapped[str]
    lapsed_contract: Mapped[str] = mapped_column(server_default=LapsedContract.HOLD)
    invitation_hours: Mapped[int | None]
    invitation_limits: Mapped[dict[str, Any] | None]
    abuse_held_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
