"""Links that were replaced by newer ones, kept so that their pages can say so instead of "unknown"."""

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base
from shared.models.columns import CreatedAt, Ref


class SupersededLink(Base):
    """The SHA-256 of a link that a resend replaced."""

    __tablename__ = "superseded_links"

    link_hash: Mapped[bytes] = mapped_column(primary_key=True)
    invitation_id: Mapped[Ref] = mapped_column(ForeignKey("invitations.id", ondelete="CASCADE"), index=True)
    superseded_at: Mapped[CreatedAt]
