"""The home page: the visitor's accounts, or an introduction for others."""

from flask import render_template

from web.auth.guards import public
from web.ui import account_list, visitor
from web.ui.blueprint import site


@site.get("/")
@public
def show_home() -> str:
    """Show the visitor's accounts, or the introduction."""
    return render_template("pages/welcome.html") if visitor.signed_in_user() is None else account_list.accounts_page()
