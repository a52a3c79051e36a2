"""API keys, with which programs act in one account."""

from datetime import datetime

from sqlalchemy import ColumnElement, ForeignKey, UniqueConstraint, and_, func, or_
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base
from shared.models.columns import CreatedAt, Id, Ref, one_of
from shared.permissions import Role


class ApiKey(Base):
    """An API key with its own role in one account. `created_by` is the user responsible for it."""

    __tablename__ = "api_keys"
    __table_args__ = (UniqueConstraint("account_id", "id"), one_of("role", Role))

    id: Mapped[Id]
    account_id: Mapped[Ref] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    hint: Mapped[str]
    name: Mapped[str]
    role: Mapped[str]
    created_by: Mapped[Ref] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


def is_live() -> ColumnElement[bool]:
    """Match keys that are neither revoked nor expired. The caller checks that the creator is still a member."""
    return and_(ApiKey.revoked_at.is_(None), or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now()))
