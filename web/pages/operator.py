"""Sign-in of the operator, for the operator's pages."""

from flask import Response, render_template

from shared.errors import Unauthenticated
from web.auth import attempt_limits, guess_limits, identity, operator_session
from web.auth.guards import public
from web.schemas.forms import OperatorForm
from web.ui import forms, visitor
from web.ui.blueprint import site


@site.get("/operator")
@public
def show_operator() -> str:
    """Show the sign-in form."""
    return render_template("pages/operator.html", operating=operator_session.is_active())


@site.post("/operator")
@public
def operate() -> Response:
    """Start an operator session of one hour in this browser."""
    try:
        typed = forms.body_of(OperatorForm).password
        guess_limits.tried(
            lambda: _checked(typed),
            guess_limits.on_keys(attempt_limits.client_key()),
            origin=identity.client_address(),
            reason="operator_key",
        )
    except forms.REFUSALS as refusal:
        return forms.show_again("pages/operator.html", refusal, operating=False)
    response = visitor.redirect("/jobs")
    operator_session.start(response)
    return response


@site.post("/operator/leave")
@public
def leave() -> Response:
    """End the operator session."""
    response = visitor.redirect("/")
    operator_session.end(response)
    return response


def _checked(typed: str) -> None:
    if not operator_session.is_key(typed):
        raise Unauthenticated("That is not the operator key.", remedy="It is the setting USHER_OPERATOR_KEY.")
