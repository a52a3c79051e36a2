"""Signing up, and proving the address by the link that was mailed. A GET of the link proves nothing: scanners do it."""

from flask import Response, render_template

from web import auth
from web.api import users
from web.guard import public, signed_in
from web.pages import done, form, languages
from web.pages.site import site
from web.schemas.people import SignUpBody


@site.get("/signup")
@public
def show_sign_up() -> str:
    """Show the form."""
    return render_template("pages/signup.html")


@site.post("/signup")
@public
def sign_up() -> Response:
    """Sign up; the page is the same for an address that is known already."""
    try:
        body = form.filled(SignUpBody, locale=languages.spoken())
        return done.page("signed_up", lambda: {"email": _enrolled(body)})
    except form.REFUSALS as refusal:
        return form.again("pages/signup.html", refusal)


@site.post("/verify")
@signed_in
def mail_proof_again() -> Response:
    """Mail the proving link anew to whoever is signed in."""
    me = auth.user()

    def act() -> dict[str, str]:
        users.mail_proof(me.email)
        return {"email": me.email}

    return done.page("signed_up", act)


@site.get("/verify/<token>")
@public
def show_proof(token: str) -> str:
    """Show the button that proves the address."""
    del token
    return render_template("pages/verify.html")


@site.post("/verify/<token>")
@public
def prove(token: str) -> Response:
    """Prove the address."""
    return done.page("verified", lambda: {"email": users.prove(token).email})


def _enrolled(body: SignUpBody) -> str:
    users.enrol(body)
    return body.email
