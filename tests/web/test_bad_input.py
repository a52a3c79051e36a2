"""Invalid input: a specific status, a stable code and a sentence; never a 500, never half a row."""

import json

import pytest
from flask.testing import FlaskClient

from shared.models import Account, Invitation
from tests.web.conftest import Caller, World


@pytest.fixture
def window_of_alice(alice: Caller) -> FlaskClient:
    """A browser in which Alice is signed in."""
    http = alice.http.application.test_client()
    http.set_cookie("usher", str(alice.token))
    return http


BODIES = {
    "/v1/users": {"email": "dora@corp.example", "name": "Dora", "password": "correct horse"},
    "/v1/users/verify": {"token": "x" * 43},
    "/v1/users/verify/resend": {"email": "dora@corp.example"},
    "/v1/sessions": {"email": "dora@corp.example", "password": "correct horse"},
    "/v1/password-resets": {"email": "dora@corp.example"},
    "/v1/password-resets/confirm": {"token": "x" * 43, "password": "correct horse"},
    "/v1/accounts": {"name": "Acme"},
    "/v1/accounts/{account}/invitations": {"email": "dora@corp.example", "role": "developer"},
    "/v1/invitations/inspect": {"token": "x" * 43},
    "/v1/invitations/accept": {"token": "x" * 43},
    "/v1/invitations/decline": {"token": "x" * 43},
}
NOT_JSON = [b"{", b"nonsense", b'{"email": "\xff"}', b"[" * 60_000, b"{" * 5 + b'"a":' * 15_000]
NOT_AN_OBJECT = [b"[]", b"null", b'"text"', b"17"]


@pytest.mark.parametrize("path", BODIES)
def test_bodies_that_are_no_json_object(alice: Caller, acme, path):
    path = path.format(account=acme)
    for raw, status in [(raw, 400) for raw in NOT_JSON] + [(raw, 422) for raw in NOT_AN_OBJECT]:
        answer = alice.http.post(path, data=raw, headers={"Authorization": f"Bearer {alice.token}"})
        assert (answer.status_code, answer.json["code"]) == (status, "validation_failed"), raw[:20]
        assert answer.content_type == "application/problem+json"
        assert answer.json["detail"].endswith(".")


@pytest.mark.parametrize("path", BODIES)
def test_each_field_wrong_in_each_way(world: World, alice: Caller, acme, path):
    good = BODIES[path]
    path = path.format(account=acme)
    unknown = alice.post(path, {**good, "is_admin": True})
    assert unknown.status_code == 422
    assert unknown.json["errors"][0]["field"] == "is_admin"
    for field in good:
        for wrong in (None, 17, [], {}, True, "\0", "x" * 5000):
            answer = alice.post(path, {**good, field: wrong})
            assert answer.status_code == 422, (field, wrong)
            assert answer.json["code"] in {"validation_failed", "email_invalid"}
        less = {name: value for name, value in good.items() if name != field}
        answer = alice.post(path, less)
        assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, field)
    with world.sessions() as session:
        assert session.query(Invitation).count() == 0


def test_every_error_is_named_at_once(alice, acme):
    answer = alice.post(f"/v1/accounts/{acme}/invitations", {"role": "king", "expires_in_hours": 0, "foo": 1})
    assert {error["field"] for error in answer.json["errors"]} == {"email", "role", "expires_in_hours", "foo"}


def test_a_body_that_is_too_large_is_refused_unread(alice):
    answer = alice.http.post("/v1/users", data=b"x" * (3 * 1024 * 1024))
    assert (answer.status_code, answer.json["code"]) == (413, "too_large")


def test_a_body_is_as_large_as_its_call_takes_and_the_refusal_says_how_large(alice, acme):
    large = {"email": "dora@corp.example", "role": "developer", "message": "x" * 70_000}
    one = alice.post(f"/v1/accounts/{acme}/invitations", large)
    assert (one.status_code, one.json["code"]) == (413, "too_large")
    assert "64 KB" in one.json["detail"]
    assert "64 KB" in one.json["remedy"]
    many = alice.post(f"/v1/accounts/{acme}/invitations/batch", {"invitations": [large]})
    assert many.status_code == 207
    assert alice.post(f"/v1/accounts/{acme}/invitations/batch", {"invitations": ["x" * 2**21]}).status_code == 413
    page = alice.http.post("/login", data={"email": "x" * 70_000}, headers={"Accept": "text/html"})
    assert page.status_code == 413


def test_the_document_says_how_large_a_body_may_be(nobody):
    paths = nobody.get("/openapi.json").json["paths"]
    answer = {
        path: paths[path]["post"]["requestBody"]["description"]
        for path in paths
        if "requestBody" in paths[path].get("post", {})
    }
    assert answer["/v1/users"] == "At most 64 KB."
    assert answer["/v1/accounts/{account_id}/invitations/batch"] == "At most 2 MB."
    assert "413" in paths["/v1/users"]["post"]["responses"]


def test_many_unknown_fields_get_a_short_answer(alice, acme):
    path = f"/v1/accounts/{acme}/invitations"
    answer = alice.post(path, {f"f{n}": 1 for n in range(5000)})
    assert answer.status_code == 422
    assert (len(answer.json["errors"]), answer.json["error_count"]) == (20, 5002)
    assert len(answer.data) < 4000
    answer = alice.post(path, {"n" * 60_000: 1})
    assert len(answer.data) < 2000
    rows = [{f"{'n' * 50}{n}": 1 for n in range(30)} for _ in range(1000)]
    answer = alice.post(f"{path}/batch", {"invitations": rows})
    assert len(answer.data) < 2 * len(json.dumps(rows))


def test_addresses_that_are_not_there(alice, acme):
    for path in (
        "/v1/nothing",
        "/v1/accounts/%00",
        f"/v1/accounts/{acme}/invitations/inv_unknown",
        "/v1/accounts/' OR 1",
    ):
        assert (alice.get(path).status_code, alice.get(path).json["code"]) == (404, "not_found")
    answer = alice.delete("/v1/users")
    assert (answer.status_code, answer.json["code"]) == (405, "method_not_allowed")
    assert answer.headers["Allow"]


def test_a_nul_in_a_query_is_refused_by_the_name_of_its_field(alice, acme):
    for path in ("/v1/me/accounts?cursor=a%00", f"/v1/accounts/{acme}/members?cursor=a%00"):
        answer = alice.get(path)
        assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "cursor")
    assert alice.get("/v1/me/accounts?limit%00=1").status_code == 422


@pytest.mark.parametrize("number", ["0", "17", "0.5", "1e9"])
def test_a_number_is_no_date(alice, operator, acme, number):
    """Dates and times must be written out. Digits alone are not read as seconds since 1970."""
    assert alice.get(f"/v1/accounts/{acme}/audit-events?since={number}").status_code == 422
    rule = {"effect": "block", "subject": "domain", "value": "rival.example", "reason": "Rivals."}
    contract = {"monthly_commitment": {"amount": "750.00", "currency": "USD"}, "ends_on": "2030-01-01"}
    for value in (number, float(number)):
        key = alice.post(f"/v1/accounts/{acme}/api-keys", {"name": "x", "role": "support", "expires_at": value})
        exception = operator.post("/v1/exceptions", rule | {"ends_at": value})
        terms = operator.ask("PUT", f"/v1/accounts/{acme}/contract", contract | {"starts_on": value})
        named = [(answer.status_code, answer.json["errors"][0]["field"]) for answer in (key, exception, terms)]
        assert named == [(422, "expires_at"), (422, "ends_at"), (422, "starts_on")]


def test_credentials_that_open_nothing(world, nobody, acme):
    for token in ("", "x", "ushk_" + "x" * 43, "Ω", "a b"):
        answer = nobody.http.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json["code"]) == (401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert nobody.http.get("/v1/me", headers={"Authorization": "Basic YTpi"}).status_code == 401
    assert nobody.get("/v1/me").status_code == 401
    assert nobody.get(f"/v1/accounts/{acme}").status_code == 401


def test_every_answer_carries_its_request_id_and_the_callers_own_is_kept(nobody):
    assert nobody.get("/healthz").headers["X-Request-Id"].startswith("req_")
    assert nobody.get("/v1/me", X_Request_Id="my-own-id-1").headers["X-Request-Id"] == "my-own-id-1"
    forged = nobody.get("/v1/me", X_Request_Id="x" * 200)
    assert forged.headers["X-Request-Id"].startswith("req_")
    assert forged.json["request_id"] == forged.headers["X-Request-Id"]


def test_a_cookie_alone_changes_nothing_without_the_forms_token(world, alice):
    alice.http.set_cookie("usher", alice.token)
    assert alice.http.get("/v1/me").status_code == 200
    answer = alice.http.post("/v1/accounts", json={"name": "Forged"})
    assert (answer.status_code, answer.json["code"]) == (403, "permission_denied")
    bearer = {"Authorization": f"Bearer {alice.token}"}
    assert alice.http.post("/v1/accounts", json={"name": "Meant"}, headers=bearer).status_code == 201


@pytest.mark.parametrize("header", ["", " ", " x", "Basic YTpi", "bearer", "Bearer ", "Digest x", "\t"])
def test_no_authorization_header_lets_a_cookie_act_without_the_forms_token(world, window_of_alice, header):
    for path, how in (("/v1/accounts", {"json": {"name": "Forged"}}), ("/accounts", {"data": {"name": "Forged"}})):
        answer = window_of_alice.post(path, headers={"Authorization": header}, **how)
        assert answer.status_code in {401, 403}, (path, header)
    with world.sessions() as session:
        assert session.query(Account).count() == 0


def test_a_page_takes_no_form_without_its_token_whatever_the_header(world, alice, window_of_alice):
    for scheme in ("Bearer", "bearer"):
        answer = window_of_alice.post(
            "/accounts", data={"name": "Forged"}, headers={"Authorization": f"{scheme} {alice.token}"}
        )
        assert answer.status_code == 403


def test_another_site_can_not_sign_a_visitor_in(nobody):
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = nobody.http.post("/v1/sessions", json={"email": "a@b.example", "password": "x"}, headers=headers)
        assert answer.status_code == 403


def test_an_idempotency_key_is_bounded(alice):
    for key in ("", "x" * 256):
        assert alice.post("/v1/accounts", {"name": "Acme"}, Idempotency_Key=key).status_code == 422


@pytest.mark.parametrize("name", ["CI 2026-11-29", "build 20261129", "ticket #1234567", "ci@corp.example"])
def test_an_api_key_can_be_named_by_a_date_or_a_number(alice, acme, name):
    answer = alice.post(f"/v1/accounts/{acme}/api-keys", {"name": name, "role": "developer"})
    assert (answer.status_code, answer.json["name"]) == (201, name)


@pytest.mark.parametrize("name", ["Offsite 2026-11-29", "Summit 29.11.2026", "Team 20261129"])
def test_a_date_in_the_name_of_an_account_is_no_phone_number(alice, name):
    assert alice.post("/v1/accounts", {"name": name}).status_code == 201


@pytest.mark.parametrize("name", ["Call 555 123 4567", "+1 2026-11-29 5551234", "20261399 win", "2026112955"])
def test_a_phone_number_in_the_name_of_an_account_is_refused(alice, name):
    assert alice.post("/v1/accounts", {"name": name}).status_code == 422


def test_an_unknown_field_is_called_so(alice):
    answer = alice.post("/v1/accounts", {"name": "Acme", "nmae": "x"})
    assert answer.json["errors"] == [{"field": "nmae", "message": "Unknown field."}]
