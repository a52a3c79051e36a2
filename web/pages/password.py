"""Passwords: request a reset link, set a new password with it, or change the password while signed in."""

from typing import Any

from flask import Response, render_template

from shared.accounts.password_resets import RESET_TTL
from web.actions import passwords
from web.auth import identity
from web.auth.guards import public, signed_in
from web.schemas.users import AddressBody, ChangePasswordBody, NewPasswordBody
from web.ui import form_results, forms, visitor
from web.ui.blueprint import site


@site.get("/forgot")
@public
def show_forgotten() -> str:
    """Show the form that asks for the address."""
    return render_template("pages/forgot.html")


@site.post("/forgot")
@public
def email_reset() -> Response:
    """Email a reset link. The page is the same for an unknown address."""
    try:
        body = forms.body_of(AddressBody)
        return form_results.page("reset_mailed", lambda: _emailed(body))
    except forms.REFUSALS as refusal:
        return forms.show_again("pages/forgot.html", refusal)


@site.get("/reset/<token>")
@public
def show_reset(token: str) -> str:
    """Show the form if the link still works, and the API keys that remain valid after a reset."""
    return render_template("pages/reset.html", keys=passwords.keys_behind(token))


@site.post("/reset/<token>")
@public
def set_password(token: str) -> Response:
    """Set the new password. All sessions end, including this browser's."""
    try:
        body = forms.body_of(NewPasswordBody, token=token)
        response = form_results.page("reset_done", lambda: _set(body))
    except forms.REFUSALS as refusal:
        return forms.show_again("pages/reset.html", refusal, keys=passwords.keys_behind(token))
    visitor.forget(response)
    return response


@site.get("/me/password")
@signed_in
def show_change() -> str:
    """Show the form to change the password."""
    return render_template("pages/change_password.html", email=identity.user().email)


@site.post("/me/password")
@signed_in
def change_password() -> Response:
    """Change the password. All other sessions end."""
    try:
        body = forms.body_of(ChangePasswordBody)
        return form_results.redirect("/me?password=changed", lambda: passwords.change_password(body))
    except forms.REFUSALS as refusal:
        return forms.show_again("pages/change_password.html", refusal, email=identity.user().email)


def _emailed(body: AddressBody) -> dict[str, Any]:
    passwords.email_reset(body.email)
    return {"email": body.email, "minutes": int(RESET_TTL.total_seconds() / 60)}


def _set(body: NewPasswordBody) -> dict[str, Any]:
    _, keys = passwords.set_password(body)
    return {"keys": [[{"name": key.name, "hint": key.hint}, name] for key, name in keys]}
