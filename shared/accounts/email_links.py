"""Links that are emailed to users: found by their hash, refused when late."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.models import User


def find_locked(session: Session, which: object) -> User | None:
    """The user that the condition picks, locked until the transaction ends."""
    return session.scalars(select(User).where(which).with_for_update()).one_or_none()  # type: ignore[arg-type]
