"""What a page does with the visitor's browser: keep it signed in, and send it on to a page of ours only."""

import re

from flask import Response, g

from shared.services.sessions import SignedIn
from web import auth, cookies
from web.kit import kit

# A list of what is allowed: no scheme, no host, no "//" or "\" that a browser could take for the beginning of one.
_OWN_PATH = re.compile(r"/(?!/)(?:[\w.~%=&?+,@-]|/(?!/))*", re.ASCII)
_LONGEST_PATH = 500


def known() -> SignedIn | None:
    """The signed-in visitor, as far as the guard has found out; an error page asks nobody anew."""
    found: auth.Caller | None = g.get("caller")
    return found.user if found else None


def own_path(wanted: str | None) -> str:
    """The path to go on to, if it is one of ours; the front page otherwise."""
    fits = wanted is not None and len(wanted) <= _LONGEST_PATH and _OWN_PATH.fullmatch(wanted)
    return wanted if wanted is not None and fits else "/"


def send_on(path: str) -> Response:
    """Have the browser GET this path of ours next."""
    return Response(status=303, headers={"Location": path})


def stay_signed_in(response: Response, token: str) -> None:
    """Have the browser keep the session."""
    cookies.put(response, auth.cookie(), token, max_age=int(kit().settings.session_ttl.total_seconds()))


def forget(response: Response) -> None:
    """Have the browser forget the session."""
    cookies.drop(response, auth.cookie())
