"""The frame of all pages of an account: its name, its navigation, and the visitor's permissions."""

from typing import Any

from flask import Response, g, render_template

from shared import clock
from shared.accounts import accounts, memberships
from shared.errors import UsherError
from shared.models import Account, Membership
from web.auth.guards import actor
from web.database import transaction
from web.ui import account_page, forms, visitor

MENU = 10
"""The number of accounts in the switcher. Beyond it there is a search."""


def page(template: str, account_id: str, **shown: Any) -> str:
    """Render a page of an account."""
    with transaction() as session:
        account = accounts.get(session, account_id)
    return render_template(template, account=account, **page_context() | shown)


def show_again(template: str, account_id: str, refusal: UsherError, **shown: Any) -> Response:
    """Render the page again after a refusal, with the refusal's status and message."""
    return forms.refused(page(template, account_id, form=forms.refused_form(refusal), **shown), refusal)


def page_context() -> dict[str, Any]:
    """Return the variables of every account page: the visitor, and a test for their permissions."""
    return {"may": actor().may, "me": visitor.signed_in_user()}


def own_accounts() -> list[tuple[Account, Membership]]:
    """Return the visitor's accounts for the switcher, one more than it shows.

    Queried once per page; empty on error pages.
    """
    me = visitor.signed_in_user()
    if me is None or "actor" not in g:
        return []
    if "places" not in g:
        with transaction() as session:
            g.places = memberships.list_accounts(session, user_id=me.id, after="", limit=MENU + 1)
    found: list[tuple[Account, Membership]] = g.places
    return found


def row_context() -> dict[str, Any]:
    """Return the variables of every row: those of the page, the roles that the visitor can give, and the time now."""
    assignable = sorted(actor().assignable)
    return account_page.page_context() | {"assignable": assignable, "now": clock.now()}
