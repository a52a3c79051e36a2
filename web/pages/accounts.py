"""My accounts: the switcher at length, an account of my own, and the one to land in. And the front of each."""

from flask import Response, render_template

from shared.models import Account
from shared.permissions import Permission
from shared.services import accounts, contracts, memberships, users
from web import auth
from web.database import transaction
from web.guard import actor, member, signed_in
from web.kit import kit
from web.pages import done, form, place, visitor
from web.pages.once import once
from web.pages.site import site
from web.paging import decoded, page
from web.schemas.accounts import AccountBody
from web.schemas.people import ProfileBody
from web.schemas.team import AccountsQuery

PAGE = 50


@site.get("/accounts")
@signed_in
def show_accounts() -> Response | str:
    """Show the visitor's accounts, and what they can do about them."""
    return listed()


@site.post("/accounts")
@signed_in
def make_account() -> Response | str:
    """Make an account of the visitor's own."""
    try:
        made = once(lambda: _make(form.filled(AccountBody)).id)
    except form.REFUSALS as refusal:
        return form.refused(listed(form.refused_form(refusal)), refusal)
    return visitor.send_on(f"/accounts/{made.outcome}")


@site.post("/accounts/default")
@signed_in
def set_default() -> Response:
    """Set the account to land in after signing in."""
    body = form.filled(ProfileBody)
    changes = {"default_account_id": body.default_account_id or None}

    def act() -> None:
        with transaction() as session:
            users.change_profile(session, actor=actor(), user_id=auth.user().id, changes=changes)

    return done.redirect("/accounts", act)


@site.get("/accounts/<account_id>")
@member
def show_account(account_id: str) -> str:
    """Show what the account is, and what the visitor is in it."""
    judged = None
    if actor().may(Permission.TEAM_VIEW):
        with transaction() as session:
            judged = contracts.judge(session, rules=kit().rules, account_id=account_id)
    return place.page("pages/overview.html", account_id, judged=judged, role=actor().role)


def _make(body: AccountBody) -> Account:
    with transaction() as session:
        return accounts.create(session, actor=actor(), owner=auth.user(), name=body.name)


def listed(shown: form.Form = form.BLANK) -> str:
    """The visitor's accounts as a page."""
    me, query = auth.user(), form.asked(AccountsQuery)
    with transaction() as session:
        rows = memberships.accounts_of(
            session, user_id=me.id, after=decoded(query.cursor) or "", limit=PAGE + 1, q=query.q
        )
        landing = accounts.landing(session, me)
    found = page(rows, limit=PAGE, key=lambda row: row[0].id)
    return render_template(
        "pages/accounts.html", me=me, query=query, places=found, landing=landing, joined=query.joined, form=shown
    )
