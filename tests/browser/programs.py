"""The Chromium to use: the one in USHER_TEST_BROWSER, otherwise one on the PATH, otherwise Playwright's own."""

import os
import shutil
from pathlib import Path

from playwright.sync_api import Playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium(playwright: Playwright) -> str | None:
    """The path of the browser, or None if there is none."""
    found = os.environ.get("USHER_TEST_BROWSER") or next(filter(None, map(shutil.which, _NAMES)), None)
    own = Path(playwright.chromium.executable_path)
    return found or (str(own) if own.exists() else None)
