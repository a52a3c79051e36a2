"""A person, known by one address, which counts once it is proven."""

from datetime import datetime

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base
from shared.email_address import EmailAddress
from shared.folding import folded_sql
from shared.models.columns import CreatedAt, Id, Ref

_APART = "@.+-_/<>&~#="
"""What is between words: PostgreSQL would take Anna/Berta for a path, and <Anna> for a tag."""

_FOLDED = folded_sql("users.name || ' ' || users.email")
WORDS = f"to_tsvector('simple', translate({_FOLDED}, '{_APART}', '{' ' * len(_APART)}'))"
"""The words of a name and an address without their accents, of which a search gives the beginnings."""

_WORDS_BEFORE = "to_tsvector('simple', translate(name || ' ' || email, '@.+-_', '     '))"


class User(Base):
    """A person. Until `email_verified_at` is set the address is only a claim, and the user is a member of nothing.

    `proof_generation` and `reset_generation` count the links that were mailed: only the newest of each kind works.
    """

    __tablename__ = "users"
    __table_args__ = (
        Index("ix_users_folded_words", text(WORDS.replace("users.", "")), postgresql_using="gin"),
        # The release before searches by this one. The next release drops it.
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
        """The one address that their mails go to."""
        return EmailAddress.kept(self.email, self.email_key)
