"""Invitations: a role in an account, offered to an email address."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base
from shared.email_address import EmailAddress
from shared.models.columns import CreatedAt, Id, Ref, one_of
from shared.permissions import Role
from shared.stored_enum import StoredEnum


class Status(StoredEnum):
    """The status of an invitation. The last five are ended states, and ended invitations are never deleted."""

    CHECKING = "checking"
    HELD = "held"
    PENDING = "pending"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    REVOKED = "revoked"
    EXPIRED = "expired"
    BLOCKED = "blocked"


OPEN = (Status.CHECKING, Status.HELD, Status.PENDING)


class Delivery(StoredEnum):
    """The last known delivery status of an invitation's email, independent of the invitation's status."""

    NONE = "none"
    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    FAILED = "failed"
    SUPPRESSED = "suppressed"


_OPEN_SQL = text("status IN ('checking', 'held', 'pending')")
# Equivalent to the condition above but written differently, so that a search for an address can't use this index, nor
# expiry the other one. While small, each looks cheap to scan completely, and a plan made then is kept.
_NOT_ENDED_SQL = text("ended_at IS NULL")
_JOINED_SQL = text("membership_id IS NOT NULL")


class Invitation(Base):
    """An offer of a role. `generation` counts its links: only the newest works, and `link_hash` finds it.

    `invited_by` is the user responsible for it, and `invited_via` the API key if one was used. `origin` is the client
    address of the last request to send it, with what the network lists said about that address then.
    """

    __tablename__ = "invitations"
    __table_args__ = (
        one_of("role", Role),
        one_of("status", Status),
        one_of("delivery", Delivery),
        # With the account in the key, no row can refer to a row of another account.
        ForeignKeyConstraint(["account_id", "invited_via"], ["api_keys.account_id", "api_keys.id"]),
        ForeignKeyConstraint(["account_id", "membership_id"], ["memberships.account_id", "memberships.id"]),
        # One open invitation per address and account. The index decides when two people invite at the same time.
        Index("uq_invitations_open", "account_id", "email_key", unique=True, postgresql_where=_OPEN_SQL),
        Index("ix_invitations_account_id_id", "account_id", "id"),
        Index("ix_invitations_account_id_status_id", "account_id", "status", "id"),
        Index("ix_invitations_ending", "expires_at", postgresql_where=_NOT_ENDED_SQL),
        Index("ix_invitations_membership", "account_id", "membership_id", postgresql_where=_JOINED_SQL),
        Index("ix_invitations_email_key", "email_key", postgresql_where=_OPEN_SQL),
    )

    id: Mapped[Id]
    account_id: Mapped[Ref] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    email: Mapped[str]
    email_key: Mapped[str]
    role: Mapped[str]
    status: Mapped[str]
    delivery: Mapped[str]
    message: Mapped[str | None]
    locale: Mapped[str] = mapped_column(server_default="en")
    invited_by: Mapped[Ref] = mapped_column(ForeignKey("users.id"))
    invited_via: Mapped[Ref | None]
    generation: Mapped[int] = mapped_column(server_default="1")
    link_hash: Mapped[bytes] = mapped_column(unique=True)
    lifetime_seconds: Mapped[int]
    origin: Mapped[dict[str, Any] | None]
    checks: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    sent_count: Mapped[int] = mapped_column(server_default="0")
    last_sent_at: Mapped[datetime | None]
    resendable_at: Mapped[datetime]
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    accepted_by: Mapped[Ref | None] = mapped_column(ForeignKey("users.id"))
    membership_id: Mapped[Ref | None]
    decline_reason: Mapped[str | None]

    @property
    def address(self) -> EmailAddress:
        """The address that the offer is for, the only one its email goes to."""
        return EmailAddress.kept(self.email, self.email_key)
