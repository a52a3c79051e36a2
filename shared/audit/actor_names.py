"""Names for the user ids in events, to show to readers."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.models import User


def names_of(session: Session, actors: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Names of the users among these actors by id. For an API key, the name of the user responsible for it."""
    ids = {str(actor[key]) for actor in actors for key in ("id", "user_id") if actor.get(key)}
    rows = session.execute(select(User.id, User.name).where(User.id.in_(ids)))
    return {row.id: row.name for row in rows}
