"""The largest request body of each view: small, unless the view declares more."""

from collections.abc import Callable
from typing import Any

from flask import current_app, request

KB = 1024
SMALL = 64 * KB
"""The largest body of most calls and pages, in bytes."""

LARGE = 2 * 1024 * KB
"""The largest body of a call that takes a thousand rows, in bytes."""


def takes(size: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare that the view takes bodies up to this size, in bytes."""

    def sized(view: Callable[..., Any]) -> Callable[..., Any]:
        view.max_body = size  # type: ignore[attr-defined]
        return view

    return sized


def limit_of(view: Callable[..., Any] | None) -> int:
    """Return the largest body that the view takes, in bytes."""
    return getattr(view, "max_body", SMALL)


def bound() -> None:
    """Set the limit for this request's body to that of its view. Reading a larger one raises an error."""
    request.max_content_length = limit_of(current_app.view_functions.get(request.endpoint or ""))


def in_words(size: int) -> str:
    """Format a size for people: `64 KB`, `2 MB`."""
    return f"{size // (1024 * KB)} MB" if size >= 1024 * KB else f"{size // KB} KB"
