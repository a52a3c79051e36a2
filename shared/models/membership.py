"""Memberships: a user in an account, with one role."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base
from shared.models.columns import CreatedAt, Id, Ref, one_of
from shared.permissions import Role


class Membership(Base):
    """A membership. The indexes decide races: one membership per user and account, one owner per account."""

    __tablename__ = "memberships"
    __table_args__ = (
        UniqueConstraint("account_id", "user_id"),
        # Rows of the same account refer to this constraint, and lists are read in its order.
        UniqueConstraint("account_id", "id"),
        one_of("role", Role),
        Index("uq_memberships_one_owner", "account_id", unique=True, postgresql_where=text("role = 'owner'")),
        Index("ix_memberships_account_id_role_id", "account_id", "role", "id"),
    )

    id: Mapped[Id]
    account_id: Mapped[Ref] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    user_id: Mapped[Ref] = mapped_column(ForeignKey("users.id"), index=True)
    role: Mapped[str]
    joined_at: Mapped[CreatedAt]
    last_seen_at: Mapped[datetime | None]
