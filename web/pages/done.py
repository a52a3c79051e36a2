"""What a page shows once its form was acted on: at an address of its own, so that a reload sends nothing again."""

from collections.abc import Callable
from typing import Any

from flask import Response, render_template

from web.guard import public
from web.pages import visitor
from web.pages.once import once, recall
from web.pages.site import site


@site.get("/done/<handle>")
@public
def show_done(handle: str) -> str:
    """Show this browser what came of a form."""
    shown = recall(handle).outcome
    return render_template(f"pages/{shown['page']}.html", **shown["values"])


def page(name: str, act: Callable[[], object], **values: Any) -> Response:
    """Act once, and redirect to the page of this name with these values, which JSON has to hold."""

    def acted() -> dict[str, Any]:
        act()
        return {"page": name, "values": values}

    return visitor.send_on(f"/done/{once(acted).handle}")
