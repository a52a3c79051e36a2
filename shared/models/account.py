"""The tenant: what several people share."""

from sqlalchemy.orm import Mapped

from shared.db import Base
from shared.models.columns import Id, Written


class Account(Base):
    """An account of the company's product, shared by its members."""

    __tablename__ = "accounts"

    id: Mapped[Id]
    name: Mapped[str]
    created_at: Mapped[Written]
