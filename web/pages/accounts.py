"""The visitor's accounts: list them, create one, choose the default. And the overview of each account."""

from flask import Response

from shared.accounts import accounts, profiles
from shared.models import Account
from shared.permissions import Permission
from shared.screening import contracts
from web.auth import identity
from web.auth.guards import actor, member, signed_in
from web.context import app_context
from web.database import transaction
from web.schemas.accounts import AccountBody
from web.schemas.users import ProfileBody
from web.ui import account_page, form_results, forms, visitor
from web.ui.account_list import accounts_page
from web.ui.blueprint import site
from web.ui.form_once import once


@site.get("/accounts")
@signed_in
def show_accounts() -> Response | str:
    """Show the visitor's accounts, and the form to create one."""
    return accounts_page()


@site.post("/accounts")
@signed_in
def make_account() -> Response | str:
    """Create an account owned by the visitor."""
    try:
        made = once(lambda: _make(forms.body_of(AccountBody)).id)
    except forms.REFUSALS as refusal:
        return forms.refused(accounts_page(forms.refused_form(refusal)), refusal)
    return visitor.redirect(f"/accounts/{made.outcome}")


@site.post("/accounts/default")
@signed_in
def set_default() -> Response:
    """Set the account to show first after signing in."""
    body = forms.body_of(ProfileBody)
    changes = {"default_account_id": body.default_account_id or None}

    def act() -> None:
        with transaction() as session:
            profiles.change_profile(session, actor=actor(), user_id=identity.user().id, changes=changes)

    return form_results.redirect("/accounts", act)


@site.get("/accounts/<account_id>")
@member
def show_account(account_id: str) -> str:
    """Show an account's overview, with the visitor's role in it."""
    judged = None
    if actor().may(Permission.TEAM_VIEW):
        with transaction() as session:
            judged = contracts.check_account(session, policy=app_context().policy, account_id=account_id)
    return account_page.page("pages/overview.html", account_id, judged=judged, role=actor().role)


def _make(body: AccountBody) -> Account:
    with transaction() as session:
        return accounts.create(session, actor=actor(), owner=identity.user(), name=body.name)
