"""DNS results for email domains, looked up once for all invitations."""

from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base
from shared.models.columns import CreatedAt, one_of
from shared.policy import MailAnswer


class MailDomain(Base):
    """The last result for a domain and its time."""

    __tablename__ = "mail_domains"
    __table_args__ = (one_of("answer", MailAnswer),)

    domain: Mapped[str] = mapped_column(primary_key=True)
    answer: Mapped[str]
    source: Mapped[str]
    looked_up_at: Mapped[CreatedAt] = mapped_column(index=True)
