"""The emails that `usher up` caught, as an email program shows them. Empty on a server that sends real email.

They contain links that open accounts, so from another machine only the operator sees them.
"""

from pathlib import Path

from flask import Response, render_template

from shared.errors import NotFound
from web import caught_mail
from web.auth.guards import local
from web.context import app_context
from web.ui.blueprint import site

# An email may bring inline styles and nothing else: no script, no form, no remote content.
_MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox allow-top-navigation-by-user-activation"
)


@site.get("/mailbox")
@local
def show_mailbox() -> str:
    """List the newest emails."""
    return render_template("pages/mailbox.html", mails=caught_mail.list_newest(_folder()), most=caught_mail.MAX_SHOWN)


@site.get("/mailbox/<name>")
@local
def show_mail(name: str) -> str:
    """Show one email: as HTML, as text, its headers and its source."""
    return render_template("pages/mail.html", mail=caught_mail.open_one(_folder(), name))


@site.get("/mailbox/<name>/html")
@local
def show_mail_html(name: str) -> Response:
    """Serve the email's HTML for the frame on its page. Its links open in the whole window."""
    html = caught_mail.open_one(_folder(), name).html
    headers = {"Content-Security-Policy": _MAIL_POLICY, "X-Frame-Options": "SAMEORIGIN"}
    return Response(f'<!doctype html><base target="_top">{html}', headers=headers)


def _folder() -> Path:
    folder = app_context().settings.mailbox_dir
    if folder is None:
        raise NotFound("No mails are caught here: they go to the people they are for.")
    return folder
