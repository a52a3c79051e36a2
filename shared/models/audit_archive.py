"""What is left in the database of events that were archived: how far, and the hash there, which the rest chains on.

A table of its own rather than columns of the chains: the sealing writes those every other second, and never waits for
the archiving so.
"""

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base
from shared.models.columns import Ref


class AuditArchive(Base):
    """An account's events up to this position stand in files; `hash` is that of the last of them.

    The database lets no event go that is not among them.
    """

    __tablename__ = "audit_archives"

    account_id: Mapped[Ref] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes]
