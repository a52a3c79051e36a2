"""Who acts: a user through a session, an API key of one account, the operator, or the system itself."""

from dataclasses import dataclass
from typing import Any

from shared.errors import PermissionDenied
from shared.permissions import Permission, Role, allows, assignable_roles, possible_permissions_of
from shared.stored_enum import StoredEnum


class ActorKind(StoredEnum):
    """The kinds of those who act."""

    USER = "user"
    API_KEY = "api_key"
    OPERATOR = "operator"
    SYSTEM = "system"
    ANYONE = "anyone"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, in which account, from which address and in which request.

    `user_id` is the person who answers for it: the signed-in user, or the creator of the key. `roles` are those that
    bound what it may do in the account, all of them at once: a member's own; a key's, and that of its creator.
    `origin` is the address it calls from, and `traces` the headers in which a proxy on the way has named itself.
    """

    kind: ActorKind
    id: str | None = None
    user_id: str | None = None
    account_id: str | None = None
    roles: tuple[Role, ...] = ()
    request_id: str | None = None
    origin: str | None = None
    traces: tuple[str, ...] = ()

    @property
    def role(self) -> Role | None:
        """The role that the actor is known by in the account."""
        return self.roles[0] if self.roles else None

    @property
    def assignable(self) -> frozenset[Role]:
        """The roles that this actor may hand out here: the one answer that every path asks for."""
        return assignable_by(self.roles)

    def may(self, permission: Permission) -> bool:
        """Whether the actor has this permission in the account."""
        return bool(self.roles) and all(allows(role, permission) for role in self.roles)

    def require(self, permission: Permission) -> None:
        """Raise `PermissionDenied` where the actor doesn't have this permission in the account."""
        if not self.may(permission):
            raise PermissionDenied(
                f"This needs the permission {permission}, which the role {self.role} doesn't have. "
                "Nothing was changed.",
                permission=permission,
                remedy="Ask the owner or an admin of the account.",
            )

    def covers(self, role: Role) -> bool:
        """Whether the actor may do all that somebody with this role may."""
        return all(self.may(permission) for permission in possible_permissions_of(role))

    def as_json(self) -> dict[str, Any]:
        """The actor as events keep it."""
        answers = {"user_id": self.user_id} if self.kind is ActorKind.API_KEY else {}
        return {"kind": self.kind, "id": self.id} | answers


def assignable_by(roles: tuple[Role | None, ...]) -> frozenset[Role]:
    """The roles that somebody bound by all of these may hand out; nobody's role lets them hand out none."""
    return frozenset.intersection(*map(assignable_roles, roles)) if roles else frozenset()


SYSTEM = Actor(ActorKind.SYSTEM)
