"""Audit events in order, never changed: the timeline of each invitation and the audit log of each account.

The database refuses to change an event, and to delete one that is not archived. `written_in` is the transaction that
wrote it. Sealing uses it to know that no earlier event can still appear.
"""

from typing import Any

from sqlalchemy import BigInteger, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base
from shared.models.columns import CreatedAt, Id, Ref


class AuditEvent(Base):
    """An event: actor, action, subject, client address and request. Append-only, in `seq` order."""

    __tablename__ = "audit_events"
    __table_args__ = (
        Index("ix_audit_events_subject_id_seq", "subject_id", "seq"),
        Index("ix_audit_events_account_id_seq", "account_id", "seq"),
        Index("ix_audit_events_at", "at", postgresql_using="brin"),
    )

    id: Mapped[Id]
    seq: Mapped[int] = mapped_column(BigInteger, Identity())
    account_id: Mapped[Ref | None]
    subject_id: Mapped[Ref]
    action: Mapped[str]
    actor: Mapped[dict[str, Any]]
    request_id: Mapped[str | None]
    origin: Mapped[str | None]
    data: Mapped[dict[str, Any]]
    at: Mapped[CreatedAt]
    written_in: Mapped[int | None] = mapped_column(
        BigInteger, server_default=text("pg_current_xact_id()::text::bigint"), index=True
    )
