"""A person with a browser, which keeps cookies and submits forms with their hidden fields."""

import re
from dataclasses import dataclass
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient

from shared.accounts import passwords
from tests.web.conftest import PASSWORD, World

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


@dataclass
class Window:
    """A browser window without scripts."""

    http: FlaskClient

    def open(self, path: str, **how: Any) -> Any:
        return self.http.get(path, headers={"Accept": "text/html"}, **how)

    def send(self, path: str, *, seen_at: str | None = None, **fields: Any) -> Any:
        """Fill in and submit a form on the page at `seen_at`, by default the page at the path itself."""
        token = _TOKEN.search(self.open(seen_at or path, follow_redirects=True).text)
        assert token, "the page holds no form"
        return self.post_unseen(path, csrf_token=unescape(token[1]), **fields)

    def see(self, path: str, **fields: Any) -> Any:
        """Submit a form, and open the page that it redirects to."""
        answer = self.send(path, **fields)
        assert answer.status_code == 303, answer.text
        return self.open(answer.headers["Location"])

    def post_unseen(self, path: str, **fields: Any) -> Any:
        """Post fields without having seen a form."""
        return self.http.post(path, data=fields, headers={"Accept": "text/html"})

    def sign_in(self, email: str, password: str = PASSWORD, **more: str) -> Any:
        return self.send("/login", email=email, password=password, **more)


@pytest.fixture
def window(world: World) -> Window:
    return Window(world.app.test_client())


@pytest.fixture(scope="session")
def password_hash() -> str:
    """The hash of PASSWORD, computed once since it is slow by design."""
    return passwords.hash_password(PASSWORD)


@pytest.fixture
def carol(world: World, password_hash: str) -> Any:
    """A user who knows her password."""
    return world.person("carol@corp.example", password_hash=password_hash)
