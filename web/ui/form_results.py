"""The redirect after a form: to an address of its own, so reloading it sends nothing again."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from flask import Response, render_template

from shared.errors import UsherError
from web.auth.guards import public
from web.ui import visitor
from web.ui.blueprint import site
from web.ui.form_once import before, once, recall


@site.get("/done/<handle>")
@public
def show_done(handle: str) -> str:
    """Show this browser the result of a form."""
    shown = recall(handle).outcome
    return render_template(f"pages/{shown['page']}.html", **shown["values"])


def page(name: str, act: Callable[[], Mapping[str, Any] | None]) -> Response:
    """Act once, and redirect to the page of this name. `act` returns its variables, which must be JSON values."""

    def acted() -> dict[str, Any]:
        return {"page": name, "values": act() or {}}

    return visitor.redirect(f"/done/{once(acted).handle}")


def redirect(path: str, act: Callable[[], object]) -> Response:
    """Act once, and redirect to this path of ours."""

    def acted() -> str:
        act()
        return path

    return visitor.redirect(once(acted).outcome)


def or_before(view: Callable[..., Any]) -> Callable[..., Any]:
    """If the view refuses a form that was already submitted, redirect as the first submission did.

    For actions that remove the visitor's own permission to repeat them, such as leaving an account.
    """

    @wraps(view)
    def answered(**path: Any) -> Any:
        try:
            return view(**path)
        except UsherError:
            first = before()
            if first is None:
                raise
            return visitor.redirect(first.outcome)

    return answered
