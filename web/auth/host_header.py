"""The Host headers that are answered, if the settings restrict them: the host of PUBLIC_URL, and loopback names.

Otherwise a page of another site, whose name resolves to this machine (DNS rebinding), could reach a server that trusts
its own machine. No link is ever built from the Host header.
"""

from ipaddress import ip_address
from urllib.parse import urlsplit

from flask import request
from werkzeug.exceptions import MisdirectedRequest

from web.context import app_context

_ALWAYS = frozenset({"/healthz", "/readyz"})
"""Paths that load balancers call by IP address."""


def refuse_others() -> None:
    """Raise `MisdirectedRequest` for a Host that is not ours."""
    if request.path in _ALWAYS:
        return
    name = _name(request.environ.get("HTTP_HOST", ""))
    if name != _name(urlsplit(app_context().settings.public_url).netloc) and not is_loopback(name):
        raise MisdirectedRequest


def is_loopback(name: str | None) -> bool:
    """Return True if this name or address always means the machine itself."""
    if name is None:
        return False
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _name(host: str) -> str | None:
    """Return the name in a Host header, without the port; None if it can't be parsed."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
