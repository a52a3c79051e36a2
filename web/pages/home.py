"""The front page: who I am and what I belong to; for everybody else, what this is."""

from flask import render_template

from web.guard import public
from web.pages import accounts, visitor
from web.pages.site import site


@site.get("/")
@public
def show_home() -> str:
    """Show the visitor's accounts, or what this is."""
    return render_template("pages/welcome.html") if visitor.known() is None else accounts.listed()
