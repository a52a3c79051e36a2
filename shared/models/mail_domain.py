"""What name servers said of mail domains: asked once for all invitations, by whichever worker came first."""

from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base
from shared.models.columns import CreatedAt, one_of
from shared.policy import MailAnswer


class MailDomain(Base):
    """The last answer about one domain, and from when it is."""

    __tablename__ = "mail_domains"
    __table_args__ = (one_of("answer", MailAnswer),)

    domain: Mapped[str] = mapped_column(primary_key=True)
    answer: Mapped[str]
    source: Mapped[str]
    looked_up_at: Mapped[CreatedAt] = mapped_column(index=True)
