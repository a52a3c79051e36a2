"""What all pages of an account share: its name, the way to its other pages, and what the visitor may do there."""

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
"""Accounts that the switcher shows; beyond them it has a search."""


def page(template: str, account_id: str, **shown: Any) -> str:
    """The page with its account around it."""
    with transaction() as session:
        account = accounts.get(session, account_id)
    return render_template(template, account=account, **page_context() | shown)


def show_again(template: str, account_id: str, refusal: UsherError, **shown: Any) -> Response:
    """The same page once more, with the status and the words of the refusal."""
    return forms.refused(page(template, account_id, form=forms.refused_form(refusal), **shown), refusal)


def page_context() -> dict[str, Any]:
    """Who looks, and what they may do here."""
    return {"may": actor().may, "me": visitor.signed_in_user()}


def own_accounts() -> list[tuple[Account, Membership]]:
    """The visitor's accounts for the switcher, one more than it shows; asked once a page, and not on error pages."""
    me = visitor.signed_in_user()
    if me is None or "actor" not in g:
        return []
    if "places" not in g:
        with transaction() as session:
            g.places = memberships.list_accounts(session, user_id=me.id, after="", limit=MENU + 1)
    found: list[tuple[Account, Membership]] = g.places
    return found


def row_context() -> dict[str, Any]:
    """What every row is shown with: who looks, what they may give, and what time it is."""
    assignable = sorted(actor().assignable)
    return account_page.page_context() | {"assignable": assignable, "now": clock.now()}
