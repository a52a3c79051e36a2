"""The page of the visitor's accounts."""

from flask import render_template

from shared.accounts import accounts, memberships
from web.auth import identity
from web.database import transaction
from web.http.paging import decode, page
from web.schemas.forms import AccountsQuery
from web.ui import forms

PAGE = 50


def accounts_page(shown: forms.Form = forms.BLANK) -> str:
    """Render the page of the visitor's accounts."""
    me, query = identity.user(), forms.query_of(AccountsQuery)
    with transaction() as session:
        rows = memberships.list_accounts(
            session, user_id=me.id, after=decode(query.cursor) or "", limit=PAGE + 1, q=query.q
        )
        landing = accounts.landing_account(session, me)
    found = page(rows, limit=PAGE, key=lambda row: row[0].id)
    return render_template(
        "pages/accounts.html", me=me, query=query, places=found, landing=landing, joined=query.joined, form=shown
    )
