"""Passwords: a link by email for a forgotten one, the form that it leads to, and a change while signed in."""

from typing import Any

from flask import Response, render_template

from shared.services.users import RESET_TTL
from web import auth
from web.api import passwords
from web.guard import public, signed_in
from web.pages import done, form, visitor
from web.pages.site import site
from web.schemas.people import AddressBody, ChangePasswordBody, NewPasswordBody


@site.get("/forgot")
@public
def show_forgotten() -> str:
    """Ask for the address."""
    return render_template("pages/forgot.html")


@site.post("/forgot")
@public
def email_reset() -> Response:
    """Have the link emailed; the page is the same for an address that nobody has."""
    try:
        body = form.filled(AddressBody)
        return done.page("reset_mailed", lambda: _emailed(body))
    except form.REFUSALS as refusal:
        return form.again("pages/forgot.html", refusal)


@site.get("/reset/<token>")
@public
def show_reset(token: str) -> str:
    """Show the form, if the link still works, and the API keys that outlive a new password."""
    return render_template("pages/reset.html", keys=passwords.keys_behind(token))


@site.post("/reset/<token>")
@public
def set_password(token: str) -> Response:
    """Set the new password; every session ends, this browser's with them."""
    try:
        body = form.filled(NewPasswordBody, token=token)
        response = done.page("reset_done", lambda: _set(body))
    except form.REFUSALS as refusal:
        return form.again("pages/reset.html", refusal, keys=passwords.keys_behind(token))
    visitor.forget(response)
    return response


@site.get("/me/password")
@signed_in
def show_change() -> str:
    """Show the form that changes the password."""
    return render_template("pages/change_password.html", email=auth.user().email)


@site.post("/me/password")
@signed_in
def change_password() -> Response:
    """Change the password; every other session ends."""
    try:
        body = form.filled(ChangePasswordBody)
        return done.redirect("/me?password=changed", lambda: passwords.change_password(body))
    except form.REFUSALS as refusal:
        return form.again("pages/change_password.html", refusal, email=auth.user().email)


def _emailed(body: AddressBody) -> dict[str, Any]:
    passwords.email_reset(body.email)
    return {"email": body.email, "minutes": int(RESET_TTL.total_seconds() / 60)}


def _set(body: NewPasswordBody) -> dict[str, Any]:
    _, keys = passwords.set_password(body)
    return {"keys": [[{"name": key.name, "hint": key.hint}, name] for key, name in keys]}
