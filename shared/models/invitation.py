"""An offer of a role in an account to an e-mail address."""

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
    """Where an invitation stands; the last five are ends, and an ended invitation is never deleted."""

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
    """What the mail system last said of an invitation's mail, apart from where the invitation stands."""

    NONE = "none"
    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    FAILED = "failed"
    SUPPRESSED = "suppressed"


_OPEN_SQL = text("status IN ('checking', 'held', 'pending')")
# The same, said otherwise: what looks for an address among the open ones can't be tempted by this index, nor expiry by
# theirs. Each looks as cheap to read whole while it is small, and a statement that is planned then keeps its plan.
_NOT_ENDED_SQL = text("ended_at IS NULL")
_JOINED_SQL = text("membership_id IS NOT NULL")


class Invitation(Base):
    """An offer of a role. `generation` counts its links: only the newest works, and `link_hash` finds it.

    `invited_by` is the person who answers for it; `invited_via` the API key, where one was used. `origin` is where the
    last request to send it came from, and what the lists of networks said of that address then.
    """

    __tablename__ = "invitations"
    __table_args__ = (
        one_of("role", Role),
        one_of("status", Status),
        one_of("delivery", Delivery),
        # With the account in the key, no row can refer to a row of another account.
        ForeignKeyConstraint(["account_id", "invited_via"], ["api_keys.account_id", "api_keys.id"]),
        ForeignKeyConstraint(["account_id", "membership_id"], ["memberships.account_id", "memberships.id"]),
        # One open invitation an address and account: the index decides when two people invite at once.
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
        """Whom the offer is for: the one address that its mail goes to."""
        return EmailAddress.kept(self.email, self.email_key)
