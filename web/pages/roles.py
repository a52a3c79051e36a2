"""The permissions of all roles as a table."""

from shared.permissions import RESOURCES, Role, matrix
from web.auth.guards import actor, member
from web.ui import account_page
from web.ui.blueprint import site


@site.get("/accounts/<account_id>/roles")
@member
def show_roles(account_id: str) -> str:
    """Show the permissions of each role."""
    return account_page.page(
        "pages/roles.html", account_id, roles=list(Role), matrix=matrix(), resources=RESOURCES, own=actor().role
    )
