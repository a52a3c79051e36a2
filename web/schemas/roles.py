"""The permission matrix as data."""

from pydantic import Field

from shared.permissions import Role
from web.schemas.base import Out


class RoleOut(Out):
    """A role, and for each resource the actions that it allows."""

    role: Role
    permissions: dict[str, list[str]] = Field(description="Resource to actions, of `view` and `edit`.")
    in_words: list[str]


class ResourceOut(Out):
    """A resource, and what it means to a reader."""

    resource: str
    means: str


class RolesOut(Out):
    """The whole matrix."""

    data: list[RoleOut]
    resources: list[ResourceOut]
