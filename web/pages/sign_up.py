"""Sign-up, and verification of the address with the emailed link.

A GET of the link verifies nothing, since scanners follow links. Pressing its button alone doesn't either: the page asks
for the password of the sign-up, or for a new one, unless the browser is signed in to that sign-up.
"""

from typing import Any

from flask import Response, render_template, request

from web.actions import registration
from web.auth import identity
from web.auth.guards import public, signed_in
from web.schemas.users import ProofBody, SignUpBody
from web.ui import form_results, forms, i18n
from web.ui.blueprint import site


@site.get("/signup")
@public
def show_sign_up() -> str:
    """Show the form."""
    return render_template("pages/signup.html")


@site.post("/signup")
@public
def sign_up() -> Response:
    """Sign up. The page is the same for an address that is already known."""
    try:
        body = forms.body_of(SignUpBody, locale=i18n.language())
        return form_results.page("signed_up", lambda: {"email": _enrolled(body)})
    except forms.REFUSALS as refusal:
        return forms.show_again("pages/signup.html", refusal)


@site.post("/verify")
@signed_in
def email_proof_again() -> Response:
    """Email the link of the visitor's own sign-up again."""
    me = identity.user()

    def act() -> dict[str, str]:
        registration.resend_own_proof()
        return {"email": me.email}

    return form_results.page("signed_up", act)


@site.get("/verify/<token>")
@public
def show_proof(token: str) -> str:
    """Show the address to verify, the time of the sign-up, and the form."""
    return _form(token, forms.BLANK)


@site.post("/verify/<token>")
@public
def prove(token: str) -> Response:
    """Verify the address."""
    try:
        body = forms.body_of(ProofBody, token=token)
        return form_results.page("verified", lambda: _proven(body))
    except forms.REFUSALS as refusal:
        return forms.refused(_form(token, forms.refused_form(refusal)), refusal)


def _proven(body: ProofBody) -> dict[str, Any]:
    user = registration.verify_email(body)
    return _confirmed(user.id, user.email)


def _confirmed(user_id: str, email: str) -> dict[str, Any]:
    me = identity.credential().user
    return {"email": email, "is_signed_in": me is not None and me.id == user_id}


def _form(token: str, shown: forms.Form) -> str:
    signup, is_theirs = registration.sign_up_of(token)
    if signup.email_verified_at is not None and request.method == "GET":
        return render_template("pages/verified.html", **_confirmed(signup.id, signup.email))
    return render_template(
        "pages/verify.html",
        signup=signup,
        is_theirs=is_theirs,
        is_choosing="new_password" in request.form,
        form=shown,
    )


def _enrolled(body: SignUpBody) -> str:
    registration.sign_up_user(body)
    return body.email
