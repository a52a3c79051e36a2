"""A web server of its own for each test, and a real browser to look at it with.

USHER_TEST_BROWSER names a Chromium to use; without it, one is looked for on the PATH and where Playwright keeps
its own.
"""

import os
import shutil
import socket
import sys
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from shared.cli.embedded.process import Command, running
from shared.config import Settings
from tests.web.conftest import World
from web.app import create_app
from web.database import db

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass(frozen=True)
class Web:
    """`usher web` with these settings."""

    settings: Settings

    @property
    def command(self) -> Command:
        told = {
            "DATABASE_URL": self.settings.database_url,
            "BROKER_URL": self.settings.broker_url,
            "SMTP_URL": self.settings.smtp_url,
            "MAIL_FROM": self.settings.mail_from,
            "PUBLIC_URL": self.settings.public_url,
            "SECRET_KEYS": self.settings.secret_keys[0],
            "WEB_PORT": str(self.settings.web_port),
            "MAILBOX_DIR": str(self.settings.mailbox_dir),
        }
        usher = Path(sys.executable).parent / "usher"
        return Command((str(usher), "web"), os.environ | {f"USHER_{name}": value for name, value in told.items()})

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.settings.public_url}/readyz", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False


@pytest.fixture
def web_settings(settings: Settings, tmp_path: Path) -> Settings:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    mailbox = tmp_path / "mailbox"
    mailbox.mkdir()
    said = {"public_url": f"http://127.0.0.1:{port}", "web_port": port, "mailbox_dir": mailbox}
    return settings.model_copy(update=said)


@pytest.fixture
def site(web_settings: Settings, tmp_path: Path) -> Iterator[str]:
    """The address of a running web server."""
    with running(Web(web_settings), tmp_path / "web.log"):
        yield web_settings.public_url


@pytest.fixture
def world(web_settings: Settings, sessions) -> Iterator[World]:
    app = create_app(web_settings)
    yield World(app, web_settings, sessions)
    with app.app_context():
        db.engine.dispose()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        program = _program(playwright)
        if program is None:
            warnings.warn("NO BROWSER: the pages were not looked at. Install Chromium.", stacklevel=1)
            pytest.skip("no Chromium is installed; set USHER_TEST_BROWSER to one")
        # Root can't use Chromium's sandbox; what is shown here is our own.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def page(request, browser: Browser, site: str) -> Iterator[Page]:
    """A browser window of its own, that goes nowhere but to the site."""
    context = browser.new_context(base_url=site, java_script_enabled=request.param)
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


def _program(playwright: Playwright) -> str | None:
    found = os.environ.get("USHER_TEST_BROWSER") or next(filter(None, map(shutil.which, _NAMES)), None)
    own = Path(playwright.chromium.executable_path)
    return found or (str(own) if own.exists() else None)
