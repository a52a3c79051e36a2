"""The roles and their permissions."""

from pydantic import Field

from shared.permissions import Role
from web.schemas.base import Out


class RoleOut(Out):
    """A role, and the actions that it allows on each resource."""

    role: Role
    permissions: dict[str, list[str]] = Field(description="Allowed actions (`view`, `edit`) by resource.")
    in_words: list[str]


class ResourceOut(Out):
    """A resource, and its description."""

    resource: str
    means: str


class RolesOut(Out):
    """All roles and resources."""

    data: list[RoleOut]
    resources: list[ResourceOut]
