"""Lookup of users by the links emailed to them."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.models import User


def find_locked(session: Session, which: object) -> User | None:
    """The user that matches the condition, or None. Locks the row until the transaction ends."""
    return session.scalars(select(User).where(which).with_for_update()).one_or_none()  # type: ignore[arg-type]
