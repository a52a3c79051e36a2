"""The OpenAPI document is valid, complete and true."""

import pytest
from openapi_spec_validator import validate

from shared.permissions import Role
from tests.web.conftest import World


def examples(app) -> list[tuple[str, str, dict]]:
    document = app.test_client().get("/openapi.json").json
    return [
        (method, path, operation["requestBody"]["content"]["application/json"]["example"])
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if "requestBody" in operation
    ]


def test_the_document_is_valid(nobody):
    document = nobody.get("/openapi.json").json
    validate(document)
    assert document["openapi"] == "3.1.0"


def test_every_call_is_in_it(app, nobody):
    paths = nobody.get("/openapi.json").json["paths"]
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/v1/"):
            path = rule.rule.replace("<", "{").replace(">", "}")
            assert {method.lower() for method in rule.methods - {"HEAD", "OPTIONS"}} <= paths[path].keys()


def test_every_body_has_an_example_and_the_example_is_understood(world: World, alice, operator, acme):
    """Each example is sent. It succeeds, or is refused for its content, never for its form."""
    invitation = world.invited(acme, alice, "emil@corp.example")
    dora = world.join(acme, world.person("dora@corp.example"), Role.DEVELOPER)
    sent = examples(world.app)
    assert len(sent) >= 12
    for method, path, example in sent:
        path = path.format(account_id=acme, invitation_id=invitation, member_id=dora)
        operators = path.endswith(("/contract", "/limits", "/decide")) or path in {"/v1/check", "/v1/exceptions"}
        who = operator if operators else alice
        answer = who.ask(method.upper(), path, example)
        if path == "/v1/me/password":
            assert [error["field"] for error in answer.json["errors"]] == ["current"]
            continue
        assert answer.status_code in {200, 201, 202, 204, 207, 401, 404, 409, 410}, (path, answer.text)
        if answer.status_code == 404:
            assert answer.json["code"] == ("link_invalid" if "token" in example else "not_found")


def test_a_body_is_only_required_where_one_of_its_fields_is(alice, nobody):
    paths = nobody.get("/openapi.json").json["paths"]
    required = {
        path: paths[path][method]["requestBody"]["required"]
        for method, path in [("patch", "/v1/me"), ("post", "/v1/accounts")]
    }
    assert required == {"/v1/me": False, "/v1/accounts": True}
    assert alice.http.patch("/v1/me", headers={"Authorization": f"Bearer {alice.token}"}).status_code == 200


@pytest.mark.parametrize("path", ["/docs", "/healthz", "/readyz"])
def test_what_the_service_says_of_itself(nobody, path):
    assert nobody.get(path).status_code == 200
