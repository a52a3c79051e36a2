"""The database's record of archived events: the position and hash where the archive ends, to which the rest links.

This is a separate table because sealing writes the chains' rows every other second and must never wait for archiving.
"""

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base
from shared.models.columns import Ref


class AuditArchive(Base):
    """The end of an account's archive: events up to `position` are in files, and `hash` is that of the last one.

    The database only allows deleting events up to this position.
    """

    __tablename__ = "audit_archives"

    account_id: Mapped[Ref] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes]
