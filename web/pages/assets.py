"""Styles, scripts and images. Browsers may keep them forever, since their address changes whenever one of them changes.

They are few and small, and are served from memory, so no name in an address can lead to another file.
"""

import hashlib
from mimetypes import guess_type
from pathlib import Path

from flask import Response, url_for

from shared.errors import NotFound
from web.auth.guards import anonymous
from web.ui.blueprint import site

_FOLDER = Path(__file__).resolve().parent.parent / "static"
_FILES = {file.name: file.read_bytes() for file in sorted(_FOLDER.iterdir())}
_VERSION = hashlib.sha256(b"".join(_FILES.values())).hexdigest()[:12]


@site.get("/static/<version>/<name>")
@anonymous
def show_asset(version: str, name: str) -> Response:
    """Serve a file. A request with an older version gets the current file, which is then not cached."""
    if name not in _FILES:
        raise NotFound("There is no such file.")
    kept = "public, max-age=31536000, immutable" if version == _VERSION else "no-cache"
    return Response(_FILES[name], mimetype=guess_type(name)[0], headers={"Cache-Control": kept})


def address(name: str) -> str:
    """Return the address of the file."""
    return url_for("site.show_asset", version=_VERSION, name=name)
