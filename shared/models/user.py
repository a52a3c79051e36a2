"""Users: people with one address each, which is valid once confirmed."""

from datetime import datetime

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base
from shared.email_address import EmailAddress
from shared.folding import folded_sql
from shared.models.columns import CreatedAt, Id, Ref

_APART = "@.+-_/<>&~#="
"""Separators between words. PostgreSQL would otherwise parse Anna/Berta as a path and <Anna> as a tag."""

_FOLDED = folded_sql("users.name || ' ' || users.email")
WORDS = f"to_tsvector('simple', translate({_FOLDED}, '{_APART}', '{' ' * len(_APART)}'))"
"""The words of a name and address without accents, for prefix search."""

_WORDS_BEFORE = "to_tsvector('simple', translate(name || ' ' || email, '@.+-_', '     '))"


class User(Base):
    """A user. Until `email_verified_at` is set, the address is unconfirmed and the user has no memberships.

    `proof_generation` and `reset_generation` count the links that were emailed: only the newest of each kind works.
    """

    __tablename__ = "users"
    __table_args__ = (
        Index("ix_users_folded_words", text(WORDS.replace("users.", "")), postgresql_using="gin"),
        # The previous release searches with this index. The next release drops it.
        Index("ix_users_words", text(_WORDS_BEFORE), postgresql_using="gin"),
    )

    id: Mapped[Id]
    email: Mapped[str]
    email_key: Mapped[str] = mapped_column(unique=True)
    email_verified_at: Mapped[datetime | None]
    name: Mapped[str]
    password_hash: Mapped[str]
    locale: Mapped[str] = mapped_column(server_default="en")
    default_account_id: Mapped[Ref | None]
    proof_generation: Mapped[int] = mapped_column(server_default="0")
    proof_hash: Mapped[bytes | None] = mapped_column(unique=True)
    proof_expires_at: Mapped[datetime | None]
    reset_generation: Mapped[int] = mapped_column(server_default="0")
    reset_hash: Mapped[bytes | None] = mapped_column(unique=True)
    reset_expires_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]

    @property
    def address(self) -> EmailAddress:
        """The user's address, the only one their emails go to."""
        return EmailAddress.kept(self.email, self.email_key)
