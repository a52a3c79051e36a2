"""Signing in and out."""

from flask import Response, render_template, request

from web import known_device
from web.api import sessions
from web.guard import public
from web.pages import form, visitor
from web.pages.site import site
from web.schemas.people import SignInBody


@site.get("/login")
@public
def show_sign_in() -> Response | str:
    """Show the form, unless the visitor is signed in already."""
    onward = visitor.own_path(request.args.get("next"))
    if visitor.known() is not None:
        return visitor.send_on(onward)
    return render_template("pages/login.html", onward=onward)


@site.post("/login")
@public
def sign_in() -> Response:
    """Sign in, and go on to where the visitor was heading."""
    onward = visitor.own_path(request.form.get("next"))
    try:
        body = form.filled(SignInBody)
        opened = sessions.open_session(body.email, body.password)
    except form.REFUSALS as refusal:
        return form.again("pages/login.html", refusal, onward=onward)
    landing = opened.landing
    response = visitor.send_on(f"/accounts/{landing.id}" if landing and onward == "/" else onward)
    visitor.stay_signed_in(response, opened.token)
    if opened.user.email_verified_at is not None:
        known_device.remember(response, opened.user.id)
    return response


@site.post("/logout")
@public
def sign_out() -> Response:
    """Sign out; doing it again changes nothing."""
    sessions.close_session()
    response = visitor.send_on(visitor.own_path(request.form.get("next")))
    visitor.forget(response)
    return response
