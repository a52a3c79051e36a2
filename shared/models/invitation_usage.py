"""Counts for the limits on inviting: per account, inviter, domain and recipient."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base


class InvitationUsage(Base):
    """Invitations sent by an account or inviter. `subject` is the id of the account, user or API key.

    An hour and a day begin with the first invitation counted in them. `open_count` is at least the number of the
    account's open invitations and may be higher, because ending one doesn't change it. NULL means unknown.
    """

    __tablename__ = "invitation_usage"
    # Most updates change only counts, which no index covers, so they leave the indexes alone.
    __table_args__ = (Index("ix_invitation_usage_day_ends_at", "day_ends_at", postgresql_using="brin"),)

    subject: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    hour_ends_at: Mapped[datetime]
    hour_count: Mapped[int]
    day_ends_at: Mapped[datetime]
    day_count: Mapped[int]
    domain_count: Mapped[int]
    open_count: Mapped[int | None]


class InvitedDomain(Base):
    """A domain that an account has invited to before."""

    __tablename__ = "invited_domains"

    account_id: Mapped[str] = mapped_column(
        Text(collation="C"), ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    )
    domain: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[date] = mapped_column(server_default=func.current_date())


class InvitedRecipient(Base):
    """Invitation emails to one recipient within a day, across all accounts.

    `recipient` is a hash of the folded address, which is the same for `bob+news@` and `bob@`.
    """

    __tablename__ = "invited_recipients"
    __table_args__ = (Index("ix_invited_recipients_day_ends_at", "day_ends_at", postgresql_using="brin"),)

    recipient: Mapped[UUID] = mapped_column(primary_key=True)
    day_ends_at: Mapped[datetime]
    count: Mapped[int]
