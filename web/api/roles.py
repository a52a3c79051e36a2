"""The roles and their permissions."""

from typing import Any

from shared.permissions import RESOURCES, Role, in_words, matrix
from web.auth.guards import authenticated
from web.http.endpoint import endpoint, v1
from web.schemas.roles import RolesOut


@v1.get("/roles")
@authenticated
@endpoint("Team", response=RolesOut)
def list_roles() -> dict[str, Any]:
    """List all roles with their permissions."""
    table = matrix()
    return {
        "data": [{"role": role, "permissions": table[role], "in_words": in_words(role)} for role in Role],
        "resources": [{"resource": resource, "means": words} for resource, words in RESOURCES.items()],
    }
