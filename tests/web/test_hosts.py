"""The Host headers that are answered. No link is ever built from them."""

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from tests.web.conftest import World, let_go
from web.app import create_app


@pytest.fixture
def embedded(world: World) -> Iterator[FlaskClient]:
    """The web server as `usher up` starts it."""
    events = {"web_hosts": "public_url", "public_url": "http://usher.test:8000"}
    app = create_app(world.settings.model_copy(update=events))
    yield app.test_client()
    let_go(app)


@pytest.mark.parametrize(
    "host", ["usher.test:8000", "USHER.test", "localhost:8000", "127.0.0.1", "[::1]:8000", "a.localhost"]
)
def test_the_embedded_mode_answers_its_own_host_and_loopback_names(embedded, host):
    assert embedded.get("/login", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "usher.test.evil.example", "localhost.evil.example", "192.168.1.5", "[::2", "[bad"]
)
def test_a_name_that_a_stranger_points_at_this_machine_is_not_answered(embedded, host):
    answer = embedded.get("/v1/roles", headers={"Host": host})
    assert (answer.status_code, answer.json["code"]) == (421, "wrong_host")
    assert embedded.get("/mailbox", headers={"Host": host, "Accept": "text/html"}).status_code == 421
    for path in ("/healthz", "/readyz"):
        assert embedded.get(path, headers={"Host": host}).status_code in {200, 503}


def test_in_production_a_load_balancer_asks_by_address(world):
    for host in ("10.0.0.7:8000", "anything.example"):
        assert world.nobody.http.get("/healthz", headers={"Host": host}).status_code == 200


def test_no_link_is_built_from_the_host_header(world, nobody):
    for path in ("/", "/login", "/signup", "/docs", "/openapi.json"):
        assert "evil.example" not in nobody.http.get(path, headers={"Host": "evil.example"}).text
    answer = nobody.http.get("/accounts", headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"})
    assert "evil.example" not in str(answer.headers) + answer.text
