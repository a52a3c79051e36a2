"""The tenant: what several people share."""

from enum import StrEnum

from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Base
from shared.models.columns import Id, Written, one_of


class LapsedContract(StrEnum):
    """What a contract that has lapsed does to the pending invitations of its account."""

    HOLD = "hold"
    ALLOW = "allow"


class Account(Base):
    """An account of the company's product, shared by its members."""

    __tablename__ = "accounts"
    __table_args__ = (one_of("lapsed_contract", LapsedContract),)

    id: Mapped[Id]
    name: Mapped[str]
    lapsed_contract: Mapped[str] = mapped_column(server_default=LapsedContract.HOLD)
    created_at: Mapped[Written]
