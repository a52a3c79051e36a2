"""Styles and pictures, which browsers may keep for good: their address changes whenever one of them does."""

import hashlib
from pathlib import Path

from flask import Response, send_from_directory, url_for

from web.guard import anonymous
from web.pages.site import site

FOLDER = Path(__file__).resolve().parent.parent / "static"
_A_YEAR = 365 * 86400
_VERSION = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(FOLDER.iterdir()))).hexdigest()[:12]


@site.get("/static/<version>/<name>")
@anonymous
def show_asset(version: str, name: str) -> Response:
    """A file of the folder; what a page of an older version asks for is answered with today's, and not kept."""
    answer = send_from_directory(FOLDER, name)
    if version == _VERSION:
        answer.cache_control.public, answer.cache_control.max_age = True, _A_YEAR
        answer.cache_control.no_cache, answer.cache_control.immutable = None, True
    return answer


def address(name: str) -> str:
    """Where a page finds the file."""
    return url_for("site.show_asset", version=_VERSION, name=name)
