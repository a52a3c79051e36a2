"""Sign-in and sign-out."""

from flask import Response, render_template, request

from web.actions import sessions
from web.auth import known_devices
from web.auth.guards import public
from web.schemas.users import SignInBody
from web.ui import forms, visitor
from web.ui.blueprint import site


@site.get("/login")
@public
def show_sign_in() -> Response | str:
    """Show the form, unless the visitor is already signed in."""
    onward = visitor.own_path(request.args.get("next"))
    if visitor.signed_in_user() is not None:
        return visitor.redirect(onward)
    return render_template("pages/login.html", onward=onward)


@site.post("/login")
@public
def sign_in() -> Response:
    """Sign in, and redirect to the page that the visitor wanted."""
    onward = visitor.own_path(request.form.get("next"))
    try:
        body = forms.body_of(SignInBody)
        opened = sessions.open_session(body.email, body.password)
    except forms.REFUSALS as refusal:
        return forms.show_again("pages/login.html", refusal, onward=onward)
    landing = opened.landing
    response = visitor.redirect(f"/accounts/{landing.id}" if landing and onward == "/" else onward)
    visitor.stay_signed_in(response, opened.token)
    if opened.user.email_verified_at is not None:
        known_devices.remember(response, opened.user.id)
    return response


@site.post("/logout")
@public
def sign_out() -> Response:
    """Sign out. Repeating it changes nothing."""
    sessions.close_session()
    response = visitor.redirect(visitor.own_path(request.form.get("next")))
    visitor.forget(response)
    return response
