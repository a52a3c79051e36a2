"""Seals on audit events, which reveal changed, removed or reordered events."""

from sqlalchemy import BigInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base
from shared.models.columns import Ref


class AuditSeal(Base):
    """An event's position in its account's chain. `hash` covers the event and the previous hash.

    Events without an account form their own chain, with an empty `account_id`.
    """

    __tablename__ = "audit_seals"
    __table_args__ = (UniqueConstraint("account_id", "position"),)

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    account_id: Mapped[Ref]
    position: Mapped[int] = mapped_column(BigInteger)
    previous_hash: Mapped[bytes]
    hash: Mapped[bytes]


class AuditChain(Base):
    """The length of an account's chain and the hash at its end, which reveal if the newest events are missing."""

    __tablename__ = "audit_chains"

    account_id: Mapped[Ref] = mapped_column(primary_key=True)
    length: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes]


class AuditSealing(Base):
    """The progress of sealing: events from transactions before `sealed_before` are sealed. A single row."""

    __tablename__ = "audit_sealing"

    sealed_before: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
