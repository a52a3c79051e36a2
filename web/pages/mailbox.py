"""The mails that `usher up` caught, as a mail program shows them; nothing is here on a server that really mails.

They hold links that open accounts, so from another machine only the operator sees them.
"""

from pathlib import Path

from flask import Response, render_template

from shared.errors import NotFound
from web import caught_mail
from web.auth.guards import local
from web.context import app_context
from web.ui.blueprint import site

# A mail brings its own inline styles, and nothing else of it is let through: no script, no form, nothing fetched.
_MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox allow-top-navigation-by-user-activation"
)


@site.get("/mailbox")
@local
def show_mailbox() -> str:
    """List the newest mails."""
    return render_template("pages/mailbox.html", mails=caught_mail.list_newest(_folder()), most=caught_mail.MAX_SHOWN)


@site.get("/mailbox/<name>")
@local
def show_mail(name: str) -> str:
    """Show one mail: as HTML, as text, its headers and its source."""
    return render_template("pages/mail.html", mail=caught_mail.open_one(_folder(), name))


@site.get("/mailbox/<name>/html")
@local
def show_mail_html(name: str) -> Response:
    """The mail's HTML by itself, for the frame on its page; its links open in the whole window."""
    html = caught_mail.open_one(_folder(), name).html
    headers = {"Content-Security-Policy": _MAIL_POLICY, "X-Frame-Options": "SAMEORIGIN"}
    return Response(f'<!doctype html><base target="_top">{html}', headers=headers)


def _folder() -> Path:
    folder = app_context().settings.mailbox_dir
    if folder is None:
        raise NotFound("No mails are caught here: they go to the people they are for.")
    return folder
