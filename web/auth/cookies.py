"""Cookies that scripts can't read, that other sites can't send, and that are bound to this host under TLS."""

from flask import Response

from web.context import app_context


def secure() -> bool:
    """Return True if people reach this service over TLS."""
    return app_context().settings.over_tls


def named(name: str) -> str:
    """Return the cookie's full name. Under TLS, a prefix makes browsers bind it to this host (RFC 6265bis, 4.1.3)."""
    return f"__Host-{name}" if secure() else name


def put(response: Response, name: str, value: str, *, max_age: int | None = None) -> None:
    """Set the cookie for `max_age` seconds, or until the browser closes."""
    response.set_cookie(name, value, max_age=max_age, secure=secure(), httponly=True, samesite="Lax", path="/")


def drop(response: Response, name: str) -> None:
    """Delete the cookie from the browser."""
    response.delete_cookie(name, secure=secure(), httponly=True, samesite="Lax", path="/")
