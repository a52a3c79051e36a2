"""The actor behind a change: a user with a session, an account's API key, the operator, or the system itself."""

from dataclasses import dataclass
from typing import Any

from shared.errors import PermissionDenied
from shared.permissions import Permission, Role, allows, assignable_roles, possible_permissions_of
from shared.stored_enum import StoredEnum


class ActorKind(StoredEnum):
    """The kinds of actors."""

    USER = "user"
    API_KEY = "api_key"
    OPERATOR = "operator"
    SYSTEM = "system"
    ANYONE = "anyone"


@dataclass(frozen=True, slots=True)
class Actor:
    """An actor with its account, client address and request.

    `user_id` is the person responsible: the signed-in user, or the creator of the API key. `roles` all limit the actor
    at once: a member's own role, or the role of an API key together with its creator's. `origin` is the client's IP
    address. `traces` are the headers by which a proxy on the way identified itself.
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
        """The actor's role in the account, or None outside of one."""
        return self.roles[0] if self.roles else None

    @property
    def assignable(self) -> frozenset[Role]:
        """Roles that this actor may assign in the account. Every path uses this one answer."""
        return assignable_by(self.roles)

    def may(self, permission: Permission) -> bool:
        """Return True if every role of the actor has this permission in the account."""
        return bool(self.roles) and all(allows(role, permission) for role in self.roles)

    def require(self, permission: Permission) -> None:
        """Raise `PermissionDenied` unless the actor has this permission in the account."""
        if not self.may(permission):
            raise PermissionDenied(
                f"This needs the permission {permission}, which the role {self.role} doesn't have. "
                "Nothing was changed.",
                permission=permission,
                remedy="Ask the owner or an admin of the account.",
            )

    def covers(self, role: Role) -> bool:
        """Return True if the actor has every permission of this role."""
        return all(self.may(permission) for permission in possible_permissions_of(role))

    def as_json(self) -> dict[str, Any]:
        """The actor in the form that audit events store."""
        answers = {"user_id": self.user_id} if self.kind is ActorKind.API_KEY else {}
        return {"kind": self.kind, "id": self.id} | answers


def assignable_by(roles: tuple[Role | None, ...]) -> frozenset[Role]:
    """Roles that an actor limited by all of `roles` may assign; none without a role."""
    return frozenset.intersection(*map(assignable_roles, roles)) if roles else frozenset()


SYSTEM = Actor(ActorKind.SYSTEM)
