"""The front page: who I am and what I belong to; for everybody else, what this is."""

from flask import render_template, request

from shared.services import memberships
from web.database import transaction
from web.guard import public
from web.pages import visitor
from web.pages.site import site

_MOST = 200


@site.get("/")
@public
def show_home() -> str:
    """Show the visitor's accounts, or what this is."""
    me = visitor.known()
    if me is None:
        return render_template("pages/welcome.html")
    with transaction() as session:
        places = memberships.accounts_of(session, user_id=me.id, after="", limit=_MOST)
    return render_template("pages/home.html", me=me, places=places, joined=request.args.get("joined"))
