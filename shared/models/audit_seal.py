"""The seals on the audit: what makes a changed, missing or reordered event show."""

from sqlalchemy import BigInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base
from shared.models.columns import Ref


class AuditSeal(Base):
    """An event's place in its account's chain; `hash` is over the event and the hash of the one before it.

    Events that belong to no account have a chain of their own, under an empty `account_id`.
    """

    __tablename__ = "audit_seals"
    __table_args__ = (UniqueConstraint("account_id", "position"),)

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    account_id: Mapped[Ref]
    position: Mapped[int] = mapped_column(BigInteger)
    previous_hash: Mapped[bytes]
    hash: Mapped[bytes]


class AuditChain(Base):
    """How long an account's chain is, and the hash at its end: what shows that the newest events are missing."""

    __tablename__ = "audit_chains"

    account_id: Mapped[Ref] = mapped_column(primary_key=True)
    length: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes]


class AuditSealing(Base):
    """How far the sealing has come: what was written in transactions before `sealed_before` is sealed. One row."""

    __tablename__ = "audit_sealing"

    sealed_before: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
