"""Sign-ups with an unconfirmed address, and their sessions.

Several sign-ups for one address can exist at the same time. The first that is confirmed becomes the user of the
address, with the same id, and the others are deleted.
"""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base
from shared.email_address import EmailAddress
from shared.models.columns import CreatedAt, Id, Ref


class Signup(Base):
    """A person's sign-up data. `proof_generation` counts the links that were emailed: only the newest works."""

    __tablename__ = "signups"

    id: Mapped[Id]
    email: Mapped[str]
    email_key: Mapped[str] = mapped_column(index=True)
    name: Mapped[str]
    password_hash: Mapped[str]
    locale: Mapped[str] = mapped_column(server_default="en")
    proof_generation: Mapped[int] = mapped_column(server_default="0")
    proof_hash: Mapped[bytes | None] = mapped_column(unique=True)
    proof_expires_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt] = mapped_column(index=True)

    email_verified_at: ClassVar[None] = None
    default_account_id: ClassVar[None] = None

    @property
    def address(self) -> EmailAddress:
        """The address that the confirmation link is sent to."""
        return EmailAddress.kept(self.email, self.email_key)


class SignupSession(Base):
    """A session of a sign-up. It gives access only to the person's own profile, and survives the confirmation."""

    __tablename__ = "signup_sessions"

    id: Mapped[Id]
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    signup_id: Mapped[Ref] = mapped_column(ForeignKey("signups.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime] = mapped_column(index=True)
