"""What all pages of an account share: its name, the way to its other pages, and what the visitor may do there."""

from typing import Any

from flask import Response, g, render_template

from shared.errors import UsherError
from shared.models import Account, Membership
from shared.services import accounts, memberships
from web.database import transaction
from web.guard import actor
from web.pages import form, visitor

MENU = 10
"""Accounts that the switcher shows; beyond them it has a search."""


def page(template: str, account_id: str, **shown: Any) -> str:
    """The page with its account around it."""
    with transaction() as session:
        account = accounts.get(session, account_id)
    return render_template(template, account=account, **around() | shown)


def again(template: str, account_id: str, refusal: UsherError, **shown: Any) -> Response:
    """The same page once more, with the status and the words of the refusal."""
    return form.refused(page(template, account_id, form=form.refused_form(refusal), **shown), refusal)


def around() -> dict[str, Any]:
    """Who looks, and what they may do here."""
    return {"may": actor().may, "me": visitor.known()}


def mine() -> list[tuple[Account, Membership]]:
    """The visitor's accounts for the switcher, one more than it shows; asked once a page, and not on error pages."""
    me = visitor.known()
    if me is None or "actor" not in g:
        return []
    if "places" not in g:
        with transaction() as session:
            g.places = memberships.accounts_of(session, user_id=me.id, after="", limit=MENU + 1)
    found: list[tuple[Account, Membership]] = g.places
    return found
