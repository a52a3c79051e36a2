"""Rules for all pages: error pages, cached assets, and the API documentation."""

import re

import pytest

from shared.settings.settings import Settings
from tests.web.pages.conftest import Window
from web.app import create_app


def test_an_error_is_a_page_for_people_and_a_problem_for_programs(window):
    page = window.open("/nowhere")
    assert page.status_code == 404
    assert "Go to the front page" in page.text
    assert page.headers["X-Request-Id"] in page.text
    assert window.http.get("/v1/nowhere", headers={"Accept": "text/html"}).json["code"] == "not_found"


def test_styles_are_kept_for_good_and_change_their_address_with_their_content(window):
    address = re.search(r'href="(/static/\w+/usher.css)"', window.open("/").text)[1]
    answer = window.open(address)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    stale = window.open("/static/older/usher.css")
    assert stale.headers["Cache-Control"] == "no-cache"
    assert window.open("/static/older/..%2fapp.py").status_code == 404
    assert window.open("/static/older/nothing.css").status_code == 404


@pytest.mark.parametrize("path", ["/", "/login", "/signup", "/forgot", "/verify/x", "/docs", "/nowhere"])
def test_no_page_holds_a_style_or_script_of_its_own_or_anything_from_elsewhere(window, path):
    text = window.open(path).text
    assert not re.search(r'<script(?! src="/static/)|<style|\sstyle=|\son\w+=', text)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', text)
    assert text.count("<h1") == 1
    assert text.startswith("<!doctype html>")


def test_the_docs_tell_of_every_call(window, world):
    text = window.open("/docs").text
    document = window.http.get("/openapi.json").json
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert f'<details id="{operation["operationId"]}">' in text
        assert path in text
    assert "curl -X POST http://localhost:8000/v1/accounts/{account_id}/invitations" in text
    assert "at most 1000 characters" in text


def test_without_a_database_people_still_get_a_page():
    app = create_app(
        Settings(
            database_url="postgresql://no_one@127.0.0.1:9/none",
            broker_url="redis://127.0.0.1:9/0",
            smtp_url="smtp://127.0.0.1:9",
            mail_from="usher@corp.example",
            public_url="https://usher.example",
            secret_keys=("x" * 40,),
        )
    )
    window = Window(app.test_client())
    window.http.set_cookie("__Host-usher", "x" * 43)
    answer = window.open("/")
    assert answer.status_code == 503
    assert "The database is away for the moment." in answer.text
    assert window.open("/static/older/usher.css").status_code == 200
