"""A forgotten password: a link by mail, and the form that it leads to."""

from typing import Any

from flask import Response, render_template

from shared.services.users import RESET_TTL, find_reset
from web.api import users
from web.database import transaction
from web.guard import public
from web.pages import done, form, visitor
from web.pages.site import site
from web.schemas.people import AddressBody, NewPasswordBody


@site.get("/forgot")
@public
def show_forgotten() -> str:
    """Ask for the address."""
    return render_template("pages/forgot.html")


@site.post("/forgot")
@public
def mail_reset() -> Response:
    """Have the link mailed; the page is the same for an address that nobody has."""
    try:
        body = form.filled(AddressBody)
        return done.page("reset_mailed", lambda: _mailed(body))
    except form.REFUSALS as refusal:
        return form.again("pages/forgot.html", refusal)


@site.get("/reset/<token>")
@public
def show_reset(token: str) -> str:
    """Show the form, if the link still works."""
    with transaction() as session:
        find_reset(session, token=token)
    return render_template("pages/reset.html")


@site.post("/reset/<token>")
@public
def set_password(token: str) -> Response:
    """Set the new password; every sign-in ends, this browser's with them."""
    try:
        body = form.filled(NewPasswordBody, token=token)
        response = done.page("reset_done", lambda: users.set_password(body.token, body.password))
    except form.REFUSALS as refusal:
        return form.again("pages/reset.html", refusal)
    visitor.forget(response)
    return response


def _mailed(body: AddressBody) -> dict[str, Any]:
    users.mail_reset(body.email)
    return {"email": body.email, "minutes": int(RESET_TTL.total_seconds() / 60)}
