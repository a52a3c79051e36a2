"""The visitor's browser: keep it signed in, and redirect it only to our own pages."""

import re

from flask import Response, g

from shared.accounts.sessions import SignedIn
from web.auth import cookies, identity
from web.context import app_context

# An allowlist: no scheme, no host, and no "//" or "\" that a browser could take for the start of one.
_OWN_PATH = re.compile(r"/(?!/)(?:[\w.~%=&?+,@-]|/(?!/))*", re.ASCII)
_LONGEST_PATH = 500


def signed_in_user() -> SignedIn | None:
    """Return the signed-in visitor, if the guard has identified one. Error pages make no new query."""
    found: identity.Credential | None = g.get("caller")
    return found.user if found else None


def own_path(wanted: str | None) -> str:
    """Return the path to continue to if it is our own; the home page otherwise."""
    fits = wanted is not None and len(wanted) <= _LONGEST_PATH and _OWN_PATH.fullmatch(wanted)
    return wanted if wanted is not None and fits else "/"


def redirect(path: str) -> Response:
    """Redirect the browser to this path of ours with a GET."""
    return Response(status=303, headers={"Location": path})


def stay_signed_in(response: Response, token: str) -> None:
    """Store the session in the browser."""
    cookies.put(
        response, identity.session_cookie(), token, max_age=int(app_context().settings.session_ttl.total_seconds())
    )


def forget(response: Response) -> None:
    """Delete the session from the browser."""
    cookies.drop(response, identity.session_cookie())
