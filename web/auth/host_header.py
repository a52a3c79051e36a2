"""Which Host header is answered, where the settings bind it: PUBLIC_URL's own and loopback names.

A page of another site whose name its owner points at this machine (DNS rebinding) would otherwise reach a server that
trusts the machine it runs on. Nothing here builds a link from the header, whatever it says.
"""

from ipaddress import ip_address
from urllib.parse import urlsplit

from flask import request
from werkzeug.exceptions import MisdirectedRequest

from web.context import app_context

_ALWAYS = frozenset({"/healthz", "/readyz"})
"""What load balancers ask by address."""


def refuse_others() -> None:
    """Raise `MisdirectedRequest` for a Host that is not ours."""
    if request.path in _ALWAYS:
        return
    name = _name(request.environ.get("HTTP_HOST", ""))
    if name != _name(urlsplit(app_context().settings.public_url).netloc) and not is_loopback(name):
        raise MisdirectedRequest


def is_loopback(name: str | None) -> bool:
    """Whether this name or address always means the machine itself."""
    if name is None:
        return False
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _name(host: str) -> str | None:
    """The name in a Host header, without the port; None where it can't be read."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
