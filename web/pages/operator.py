"""Signing in as the operator, for the pages that are theirs."""

from flask import Response, render_template

from shared.errors import Unauthenticated
from web import auth, guesses, limits, operators
from web.guard import public
from web.pages import form, visitor
from web.pages.site import site
from web.schemas.team import OperatorForm


@site.get("/operator")
@public
def show_operator() -> str:
    """Show the form."""
    return render_template("pages/operator.html", operating=operators.here())


@site.post("/operator")
@public
def operate() -> Response:
    """Have this browser count as the operator's for an hour."""
    try:
        typed = form.filled(OperatorForm).password
        guesses.tried(
            lambda: _checked(typed), guesses.on_keys(limits.from_here()), origin=auth.origin(), reason="operator_key"
        )
    except form.REFUSALS as refusal:
        return form.again("pages/operator.html", refusal, operating=False)
    response = visitor.send_on("/jobs")
    operators.stay(response)
    return response


@site.post("/operator/leave")
@public
def leave() -> Response:
    """Have it count no longer."""
    response = visitor.send_on("/")
    operators.leave(response)
    return response


def _checked(typed: str) -> None:
    if not operators.is_key(typed):
        raise Unauthenticated("That is not the operator key.", remedy="It is the setting USHER_OPERATOR_KEY.")
