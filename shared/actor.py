"""Who acts: a user through a session, an API key of one account, the operator, or the system itself."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shared.permissions import Role


class ActorKind(StrEnum):
    """The kinds of those who act."""

    USER = "user"
    API_KEY = "api_key"
    OPERATOR = "operator"
    SYSTEM = "system"
    ANYONE = "anyone"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, with which role in the account at hand, from which address and in which request.

    `user_id` is the person who answers for it: the signed-in user, or the creator of the key.
    """

    kind: ActorKind
    id: str | None = None
    user_id: str | None = None
    name: str = ""
    email: str = ""
    account_id: str | None = None
    role: Role | None = None
    request_id: str | None = None
    origin: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The actor as events keep it."""
        return {"kind": self.kind, "id": self.id} | (
            {"user_id": self.user_id} if self.kind is ActorKind.API_KEY else {}
        )


SYSTEM = Actor(ActorKind.SYSTEM)
