"""What a page does with the visitor's browser: keep it signed in, and send it on to a page of ours only."""

import re

from flask import Response, g

from shared.accounts.sessions import SignedIn
from web.auth import cookies, identity
from web.context import app_context

# A list of what is allowed: no scheme, no host, no "//" or "\" that a browser could take for the beginning of one.
_OWN_PATH = re.compile(r"/(?!/)(?:[\w.~%=&?+,@-]|/(?!/))*", re.ASCII)
_LONGEST_PATH = 500


def signed_in_user() -> SignedIn | None:
    """The signed-in visitor, as far as the guard has found out; an error page asks nobody anew."""
    found: identity.Credential | None = g.get("caller")
    return found.user if found else None


def own_path(wanted: str | None) -> str:
    """The path to go on to, if it is one of ours; the front page otherwise."""
    fits = wanted is not None and len(wanted) <= _LONGEST_PATH and _OWN_PATH.fullmatch(wanted)
    return wanted if wanted is not None and fits else "/"


def redirect(path: str) -> Response:
    """Have the browser GET this path of ours next."""
    return Response(status=303, headers={"Location": path})


def stay_signed_in(response: Response, token: str) -> None:
    """Have the browser keep the session."""
    cookies.put(
        response, identity.session_cookie(), token, max_age=int(app_context().settings.session_ttl.total_seconds())
    )


def forget(response: Response) -> None:
    """Have the browser forget the session."""
    cookies.drop(response, identity.session_cookie())
