"""Signing up, and proving the address by the link that was emailed.

A GET of the link proves nothing, since scanners follow links, and neither does pressing its button alone: the page asks
for the password of the sign-up, or for a new one, unless the browser is signed in to that very sign-up.
"""

from typing import Any

from flask import Response, render_template, request

from web import auth
from web.api import users
from web.guard import public, signed_in
from web.pages import done, form, languages
from web.pages.site import site
from web.schemas.people import ProofBody, SignUpBody


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
def email_proof_again() -> Response:
    """Email the link of the visitor's own sign-up anew."""
    me = auth.user()

    def act() -> dict[str, str]:
        users.resend_own_proof()
        return {"email": me.email}

    return done.page("signed_up", act)


@site.get("/verify/<token>")
@public
def show_proof(token: str) -> str:
    """Show whose address is to be proven, since when, and the form that proves it."""
    return _form(token, form.BLANK)


@site.post("/verify/<token>")
@public
def prove(token: str) -> Response:
    """Prove the address."""
    try:
        body = form.filled(ProofBody, token=token)
        return done.page("verified", lambda: _proven(body))
    except form.REFUSALS as refusal:
        return form.refused(_form(token, form.refused_form(refusal)), refusal)


def _proven(body: ProofBody) -> dict[str, Any]:
    user, me = users.prove(body), auth.caller().user
    return {"email": user.email, "is_signed_in": me is not None and me.id == user.id}


def _form(token: str, shown: form.Form) -> str:
    signup, is_theirs = users.sign_up_of(token)
    return render_template(
        "pages/verify.html",
        signup=signup,
        is_theirs=is_theirs,
        is_choosing="new_password" in request.form,
        form=shown,
    )


def _enrolled(body: SignUpBody) -> str:
    users.enrol(body)
    return body.email
