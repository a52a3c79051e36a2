"""Suppressed addresses. Mail servers rejected them or their owners complained, and more email would hurt our sender
reputation."""

from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import ARRAY, Text, bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db.prepared import PreparedQuery
from shared.models import Suppression

SUPPRESSED_FOR = timedelta(days=30)
"""Duration of a suppression. It ends because people join companies, and because mail servers make mistakes too."""


def suppress(session: Session, email_key: str, *, why: str) -> None:
    """Send no email to this address for 30 days. `why` is the mail server's reason."""
    values = {"why": why, "until": func.now() + SUPPRESSED_FOR}
    row = insert(Suppression).values(email_key=email_key, **values)
    session.execute(row.on_conflict_do_update(index_elements=[Suppression.email_key], set_=values))


def find_suppressed(session: Session, email_keys: Collection[str]) -> dict[str, str]:
    """The suppressed addresses among these, each with the reason."""
    return dict(_SUPPRESSED.fetch(session, email_keys=list(email_keys))) if email_keys else {}


def lift(session: Session, email_key: str) -> None:
    """Allow email to this address again."""
    session.execute(delete(Suppression).where(Suppression.email_key == email_key))


_SUPPRESSED = PreparedQuery(
    select(Suppression.email_key, Suppression.why).where(
        Suppression.email_key == func.any(bindparam("email_keys", type_=ARRAY(Text()))), Suppression.until > func.now()
    )
)
