"""The running service driven by its own OpenAPI document: every response is one that the document names.

Schemathesis reads `/openapi.json` as served. It sends valid and invalid requests, one call by itself and in chains of
calls that pass ids on, and generates the same requests in each run.
"""

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.stack import Stack
from tests.trials.callers import KINDS, Caller, Furnished
from tests.trials.odd_requests import QUERIES, TEXTS

SCHEMATHESIS = Path(sysconfig.get_path("scripts")) / "schemathesis"
ROOT = Path(__file__).parents[2]
EXAMPLES = int(os.environ.get("USHER_TEST_EXAMPLES", "10"))
"""The number of requests that Schemathesis generates per call, besides those it derives from the document."""

SIGNS_ITSELF_OUT = "it ends the caller's own session, and each call after it would be answered 401"
LEFT_OUT = {
    "owner": {"DELETE /v1/sessions/current": SIGNS_ITSELF_OUT},
    "support": {"DELETE /v1/sessions/current": SIGNS_ITSELF_OUT},
    "api key": {
        "DELETE /v1/accounts/{account_id}/api-keys/{key_id}": "it finds its own id in the list, and ends itself"
    },
}
"""The calls that one kind of caller doesn't make, with the reason. All others make them."""

UNCHECKED = {
    "positive_data_acceptance": "a schema can't say what a good name, email address or domain is; 422 is documented",
    "ignored_auth": "wrong credentials meet 429 once there were many of them; the access matrix tries each route",
}
"""The checks that are skipped for all calls, with the reason."""

UNCHECKED_OF = {
    "/v1/accounts/{account_id}/invitations/batch": {
        "negative_data_rejection": "a row that is no invitation has an answer of its own in the 207",
        "allow_header_conformance": "GET and PATCH lead to the invitation of the id `batch`, which is never there",
    },
    "/v1/accounts/{account_id}/invitations/import": {
        "negative_data_rejection": "a text that is no list has an answer for each of its rows in the 207",
        "allow_header_conformance": "GET and PATCH lead to the invitation of the id `import`, which is never there",
    },
    "/v1/accounts/{account_id}/invitations/check": {
        "allow_header_conformance": "GET and PATCH lead to the invitation of the id `check`, which is never there",
    },
}
"""The checks that are skipped for one call, with the reason."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    key = "whsec_a2V5IG9mIHRoZSB0cmlhbHMgYW5kIG9mIG5vdGhpbmcgZWxzZQ=="
    with Stack(tmp_path_factory.mktemp("s"), USHER_RESEND_COOLDOWN="0s", USHER_MAIL_EVENTS_KEY=key) as stack:
        yield stack


@pytest.fixture(scope="module")
def callers(stack: Stack) -> dict[str, Caller]:
    """All callers, created before one of them tries so many invalid keys that this machine is slowed down."""
    return {kind: Furnished(stack, kind).caller(kind) for kind in KINDS}


# The anonymous caller comes last, since its invalid keys slow down this machine's other callers.
@pytest.mark.parametrize("kind", [*KINDS[1:], KINDS[0]])
def test_every_answer_is_one_that_the_document_names(
    stack: Stack, callers: dict[str, Caller], tmp_path: Path, kind: str
) -> None:
    caller = callers[kind]
    config = tmp_path / "schemathesis.toml"
    config.write_text(_settings(caller))
    command = [sys.executable, str(SCHEMATHESIS), "--config-file", str(config), "run", f"{stack.url}/openapi.json"]
    if caller.token is not None:
        command += ["--header", f"Authorization: Bearer {caller.token}"]
    environ = os.environ | {"SCHEMATHESIS_HOOKS": "tests.trials.odd_requests", "PYTHONPATH": str(ROOT)}
    environment = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=900, env=environ, cwd=tmp_path
    )
    assert environment.returncode == 0, _shortened(environment.stdout) + environment.stderr[-2000:]
    assert stack.ask("GET", "/readyz").status == 200


def _shortened(report: str) -> str:
    """The report with each line shortened: a failed request may have a body of 100,000 characters."""
    return "\n".join(line[:300] for line in report.splitlines())[-30_000:]


def test_odd_bytes_in_query_and_body_are_answered_as_the_document_names(
    stack: Stack, callers: dict[str, Caller]
) -> None:
    caller = callers["owner"]
    paths = stack.ask("GET", "/openapi.json").json["paths"]
    unnamed = []
    for path, operations in paths.items():
        for method, operation in operations.items():
            if (method, path) == ("delete", "/v1/sessions/current"):
                continue
            for query, body in _odd(operation):
                address = path.format(**{name: ids[0] for name, ids in caller.ids.items()}) + query
                status = _status(stack, method.upper(), address, body, caller.token)
                if str(status) not in operation["responses"]:
                    unnamed.append((method, path, query[:40], (body or b"")[:60], status))
    assert unnamed == []


def _odd(operation: dict[str, Any]) -> Iterator[tuple[str, bytes | None]]:
    """Query strings and bodies with one odd value each."""
    example = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
    good = None if example is None else json.dumps(example).encode()
    for parameter in operation["parameters"]:
        if parameter["in"] == "query":
            yield from ((f"?{parameter['name']}={value}", good) for value in QUERIES)
    yield from ((f"?{value}", good) for value in QUERIES)
    for field in example or ():
        for text in TEXTS:
            others = {name: value for name, value in example.items() if name != field}
            yield "", json.dumps(others).encode()[:-1] + (b", " if others else b"") + f'"{field}": {text}}}'.encode()


def _status(stack: Stack, method: str, address: str, body: bytes | None, token: str | None) -> int:
    connection = HTTPConnection(urlsplit(stack.url).netloc, timeout=30)
    try:
        connection.request(
            method, address, body, {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        )
        return connection.getresponse().status
    finally:
        connection.close()


def _settings(caller: Caller) -> str:
    """Schemathesis' settings, in a file."""
    lines = ["seed = 1", "continue-on-failure = true"]
    lines += ["[generation]", f"max-examples = {EXAMPLES}", "deterministic = true"]
    for check in UNCHECKED:
        lines += [f"[checks.{check}]", "enabled = false"]
    for name, values in (caller.ids | {"links": caller.links}).items():
        lines += [f"[dictionaries.{name}]", f"values = {json.dumps(values)}"]
    lines.append("[parameters]")
    lines += [f'"path.{name}" = {{ dictionary = "{name}", probability = 0.9 }}' for name in caller.ids]
    lines.append('"body.token" = { dictionary = "links", probability = 0.7 }')
    for name in LEFT_OUT.get(caller.kind, {}):
        lines += ["[[operations]]", f'include-name = "{name}"', "enabled = false"]
    for path, checks in UNCHECKED_OF.items():
        lines += ["[[operations]]", f'include-path = "{path}"']
        lines += [f"checks.{check}.enabled = false" for check in checks]
    return "\n".join(lines) + "\n"
