"""What people see in a browser, one file a page. GET shows, POST acts; a page has no rule of its own."""

from flask import Flask
from jinja2 import StrictUndefined

from shared.clock import rfc3339
from shared.templating import harmless, moment, name
from web.pages import assets, form, home, invitation, mailbox, password, sign_in, sign_up, visitor
from web.pages.site import site

_PAGES = (assets, home, invitation, mailbox, password, sign_in, sign_up)


def register(app: Flask) -> None:
    """Put every page where it is reached; importing a page has declared its addresses."""
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters |= {
        "harmless": harmless,
        "moment": moment,
        "person": name,
        "rfc3339": rfc3339,
        "role": _role,
    }
    app.jinja_env.globals |= {"asset": assets.address, "visitor": visitor.known, "form": form.BLANK}
    app.register_blueprint(site)


def _role(role: str) -> str:
    """A role as a person reads it."""
    return role.replace("_", " ")
