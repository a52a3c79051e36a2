"""Cursor paging of lists: the cursor is the last id shown, so a deep page costs as much as the first one."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from shared.errors import Invalid

Row = TypeVar("Row")


def decode(cursor: str | None) -> str | None:
    """Return the id in a cursor. Raises `Invalid` for a malformed one."""
    if cursor is None:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, UnicodeError, ValueError):
        text = "\0"
    if not text.isprintable():
        raise _not_ours()
    return text


def decode_number(cursor: str | None) -> int:
    """Return the number in a cursor, for lists ordered by number; 0 for the beginning.

    Raises `Invalid` for a malformed one.
    """
    text = decode(cursor) or "0"
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise _not_ours()
    return int(text)


def page(rows: Sequence[Row], *, limit: int, key: Callable[[Row], str]) -> dict[str, Any]:
    """Return a page of `limit` rows. Fetch one row more, which shows that there is a next page."""
    shown = rows[:limit]
    more = len(rows) > limit
    return {
        "data": shown,
        "next_cursor": base64.urlsafe_b64encode(key(shown[-1]).encode()).decode().rstrip("=") if more else None,
    }


def _not_ours() -> Invalid:
    return Invalid([("cursor", "Not a cursor of ours; send `next_cursor` of the page before as it was.")])
