"""A running web server, a separate world for each test, and a real browser.

They end with the last test of this folder, since idle processes take time from other tests.
"""

import os
import sys
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from psycopg.sql import SQL, Identifier

from shared.cli.embedded.process import Command, running
from shared.cli.embedded.stack import free_port
from shared.db.engine import open_engine
from shared.db.transaction import session_factory
from shared.settings.settings import Settings
from tests.browser.programs import chromium
from tests.conftest import environment, renamed
from tests.stack import Stack
from tests.web.conftest import World, application, let_go


@dataclass(frozen=True)
class Web:
    """`usher web` with these settings."""

    settings: Settings

    @property
    def command(self) -> Command:
        variables = environment(self.settings) | {
            "USHER_WEB_PORT": str(self.settings.web_port),
            "USHER_MAILBOX_DIR": str(self.settings.mailbox_dir),
        }
        usher = Path(sys.executable).parent / "usher"
        return Command((str(usher), "web"), os.environ | variables)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.settings.public_url}/readyz", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False


@pytest.fixture(scope="package")
def database(database_admin: psycopg.Connection, template: str) -> Iterator[str]:
    """The name of the one database of all browser tests. Starting a web server for each test would take seconds."""
    name = f"usher_test_{token_hex(4)}"
    _clone(database_admin, template, name)
    yield name
    database_admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@pytest.fixture(scope="package")
def web_settings(
    database_server: str, database: str, broker_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    port = free_port("127.0.0.1")
    return Settings(
        database_url=renamed(database_server, database),
        broker_url=broker_server,
        smtp_url="smtp://127.0.0.1:9?starttls=off",
        mail_from="Usher <usher@corp.example>",
        public_url=f"http://127.0.0.1:{port}",
        secret_keys=("a-secret-key-of-the-tests-and-of-nothing-else",),
        web_port=port,
        mailbox_dir=tmp_path_factory.mktemp("mailbox"),
    )


@pytest.fixture(scope="package")
def site(web_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running web server."""
    with running(Web(web_settings), tmp_path_factory.mktemp("web") / "web.log"):
        yield web_settings.public_url


@pytest.fixture
def world(web_settings: Settings, database_admin: psycopg.Connection, template: str, database: str) -> Iterator[World]:
    """A world without any people yet."""
    # The audit log can't be emptied, so the database is recreated under its name. The web server reconnects.
    _clone(database_admin, template, database)
    engine = open_engine(web_settings.database_url)
    app = application(web_settings)
    yield World(app, web_settings, session_factory(engine))
    let_go(app)
    engine.dispose()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        program = chromium(playwright)
        if program is None:
            warnings.warn("NO BROWSER: the pages were not looked at. Install Chromium.", stacklevel=1)
            pytest.skip("no Chromium is installed; set USHER_TEST_BROWSER to one")
        # Root can't use Chromium's sandbox. All pages shown here are our own.
        expect.set_options(timeout=20_000)
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def page(request, browser: Browser, site: str) -> Iterator[Page]:
    """A new browser window, restricted to the site."""
    context = browser.new_context(base_url=site, java_script_enabled=request.param)
    yield context.new_page()
    context.close()


def _clone(admin: psycopg.Connection, template: str, name: str) -> None:
    admin.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))
    admin.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(template)))


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("console")) as stack:
        yield stack


@pytest.fixture(scope="package")
def acme(stack: Stack) -> str:
    """The id of Alice's account."""
    return stack.owner("alice@corp.example")[1]
