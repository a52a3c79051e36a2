"""The largest request body of each view: small, unless the view declares more."""

from collections.abc import Callable
from typing import Any

from flask import Request, current_app

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


class BoundRequest(Request):
    """A request whose body, read by whatever, is refused where it is too large for its view."""

    @property
    def max_content_length(self) -> int:
        """The largest body of the view that the request goes to, in bytes."""
        return limit_of(current_app.view_functions.get(self.endpoint or ""))

    @max_content_length.setter
    def max_content_length(self, value: int | None) -> None:
        raise AttributeError(f"the view says how large a body it takes, not {value}")


def in_words(size: int) -> str:
    """Format a size for people: `64 KB`, `2 MB`."""
    return f"{size // (1024 * KB)} MB" if size >= 1024 * KB else f"{size // KB} KB"
