"""Addresses that nobody has, as mail servers have said: mailing them again would cost us our name as a sender."""

from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import ARRAY, Text, bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db.prepared import PreparedQuery
from shared.models import Suppression

SUPPRESSED_FOR = timedelta(days=30)
"""How long a mail server's word counts: people join companies, and typing errors are made on both sides."""


def suppress(session: Session, email_key: str, *, why: str) -> None:
    """Mail nothing to this address for a while; `why` is what the mail server said."""
    values = {"why": why, "until": func.now() + SUPPRESSED_FOR}
    row = insert(Suppression).values(email_key=email_key, **values)
    session.execute(row.on_conflict_do_update(index_elements=[Suppression.email_key], set_=values))


def find_suppressed(session: Session, email_keys: Collection[str]) -> dict[str, str]:
    """Those of the addresses that are suppressed, each with the reason."""
    return dict(_SUPPRESSED.fetch(session, email_keys=list(email_keys))) if email_keys else {}


def lift(session: Session, email_key: str) -> None:
    """Let this address be mailed to again."""
    session.execute(delete(Suppression).where(Suppression.email_key == email_key))


_SUPPRESSED = PreparedQuery(
    select(Suppression.email_key, Suppression.why).where(
        Suppression.email_key == func.any(bindparam("email_keys", type_=ARRAY(Text()))), Suppression.until > func.now()
    )
)
