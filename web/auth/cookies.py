"""Cookies: unreadable to scripts, not sent for other sites, and bound to this host where it is reached over TLS."""

from flask import Response

from web.context import app_context


def secure() -> bool:
    """Whether people reach this service over TLS."""
    return app_context().settings.over_tls


def named(name: str) -> str:
    """The cookie's name; the prefix has browsers bind it to this very host (RFC 6265bis, 4.1.3)."""
    return f"__Host-{name}" if secure() else name


def put(response: Response, name: str, value: str, *, max_age: int | None = None) -> None:
    """Set the cookie, for `max_age` seconds or until the browser closes."""
    response.set_cookie(name, value, max_age=max_age, secure=secure(), httponly=True, samesite="Lax", path="/")


def drop(response: Response, name: str) -> None:
    """Have the browser forget the cookie."""
    response.delete_cookie(name, secure=secure(), httponly=True, samesite="Lax", path="/")
