"""Imports of recipient lists: each row is understood, or refused with its line number. Nothing is guessed."""

import pytest
from sqlalchemy import func, select

from shared.models import Invitation
from shared.permissions import Role

SWALLOWING = (
    "email,role,message\r\n"
    'anna@corp.example,developer,"Hi there\r\n'
    "ben@corp.example,support,Welcome\r\n"
    'cleo@corp.example,support,"Welcome"\r\n'
)


def post(who, account: str, data: bytes | str, media: str = "text/csv", *, query: str = "", **headers: str):
    """The response to a list, sent as it is."""
    headers = {"Authorization": f"Bearer {who.token}", "Content-Type": media} | headers
    path = f"/v1/accounts/{account}/invitations/import{query}"
    return who.http.post(path, data=data.encode() if isinstance(data, str) else data, headers=headers)


def results(answer) -> list[tuple[int, int, str | None]]:
    assert answer.status_code == 207, answer.text
    return [(each["line"], each["status"], each["code"]) for each in answer.json["results"]]


def invited(world) -> dict[str, tuple[str, str | None]]:
    with world.sessions() as session:
        return {row.email: (row.role, row.message) for row in session.scalars(select(Invitation))}


def test_an_unknown_role_is_refused_with_the_roles_there_are_and_never_replaced(world, alice, acme):
    table = "email,role\nann@corp.example,viewer\nbob@corp.example,developper\ncleo@corp.example,Finance Analyst\n"
    answer = post(alice, acme, table)
    assert results(answer) == [(2, 422, "role_unknown"), (3, 422, "role_unknown"), (4, 202, None)]
    viewer, developer, _ = (each["reasons"] and each["reasons"][0] for each in answer.json["results"])
    assert viewer["message"] == "“viewer” isn't a role."
    assert viewer["remedy"] == "Use Admin, Developer, Finance analyst or Support."
    assert developer["remedy"].startswith("Did you mean Developer?")
    assert invited(world) == {"cleo@corp.example": ("finance_analyst", None)}


def test_an_email_cell_that_is_cut_down_invites_no_one_else(world, alice, acme):
    cells = ["=cmd|calc@corp.example", "bob calc@corp.example", "NOT calc@corp.example", "former: calc@corp.example"]
    answer = post(alice, acme, "email,role\n" + "".join(f"{cell},support\n" for cell in cells))
    assert results(answer) == [(line, 422, "row_not_understood") for line in range(2, 6)]
    assert [each["email"] for each in answer.json["results"]] == cells
    rows = [{"email": cell, "role": "support"} for cell in cells]
    answer = alice.post(f"/v1/accounts/{acme}/invitations/import", {"rows": rows})
    assert [each["code"] for each in answer.json["results"]] == ["row_not_understood"] * 4
    assert results(post(alice, acme, "\n".join(cells), "text/plain", query="?role=support")) == [
        (line, 422, "row_not_understood") for line in range(1, 5)
    ]
    assert invited(world) == {}
    assert results(post(alice, acme, "email,role\nbob|calc@corp.example,support\n")) == [(2, 202, None)]
    assert invited(world) == {"bob|calc@corp.example": ("support", None)}


def test_a_column_with_an_unknown_name_gives_no_one_a_role(world, alice, acme):
    for table in ("Contact,Department\na@corp.example,Support\n", "foo,bar\na@corp.example,admin\n"):
        answer = post(alice, acme, table, query="?role=support")
        assert results(answer) == [(2, 422, "columns_not_understood")]
        assert "email, role and message" in answer.json["results"][0]["reasons"][0]["remedy"]
    assert invited(world) == {}


def test_an_unclosed_quote_emails_no_one_the_addresses_of_others(world, alice, acme):
    answer = post(alice, acme, SWALLOWING)
    assert results(answer) == [(2, 422, "quote_not_closed"), (3, 202, None), (4, 202, None)]
    assert answer.json["results"][0]["email"] == "anna@corp.example"
    assert invited(world) == {
        "ben@corp.example": ("support", "Welcome"),
        "cleo@corp.example": ("support", "Welcome"),
    }


def test_a_quote_that_another_row_happens_to_close_invites_no_one_within(world, alice, acme):
    table = (
        "email,role,message\n"
        'ann@corp.example,support,"Hi\nbob@corp.example,admin,"\n'
        'cleo@corp.example,support,"Two lines\nwithout addresses"\n'
    )
    answer = post(alice, acme, table)
    assert results(answer) == [(2, 422, "quote_not_closed"), (3, 422, "quote_not_closed"), (4, 202, None)]
    assert invited(world) == {"cleo@corp.example": ("support", "Two lines\nwithout addresses")}


def test_a_row_without_an_address_or_a_role_is_refused_and_not_left_out(world, alice, acme):
    answer = post(alice, acme, "email,role\nann@corp.example,support\n,support\n\nbob@corp.example,\n")
    assert results(answer) == [(2, 202, None), (3, 422, "address_missing"), (5, 422, "role_missing")]


def test_a_role_that_is_given_is_for_rows_without_one_alone(world, alice, acme):
    table = "Ann <ann@corp.example> Bob <bob@corp.example>\ncleo@corp.example, viewer\n"
    answer = post(alice, acme, table, "text/plain", query="?role=support")
    assert results(answer) == [(1, 202, None), (1, 202, None), (2, 422, "role_unknown")]
    assert invited(world) == {"ann@corp.example": ("support", None), "bob@corp.example": ("support", None)}


def test_the_second_row_of_an_address_names_the_line_of_the_first(alice, acme):
    answer = post(alice, acme, "email,role\nann@corp.example,support\nANN@corp.example,admin\n")
    assert results(answer) == [(2, 202, None), (3, 422, "same_address")]
    assert answer.json["results"][1]["reasons"][0]["message"] == "The same address is in line 2."


def test_a_cell_too_long_or_with_a_control_character_is_its_own_rows_error(world, alice, acme):
    table = f"email,role,message\nann@corp.example,support,{'x' * 131_073}\nb\0b@corp.example,support,\n"
    table += "cleo@corp.example,support,=HYPERLINK()\n"
    assert results(post(alice, acme, table)) == [
        (2, 422, "cell_too_long"),
        (3, 422, "row_not_readable"),
        (4, 202, None),
    ]
    assert invited(world) == {"cleo@corp.example": ("support", "=HYPERLINK()")}


def test_a_file_saved_by_windows_is_read_and_torn_characters_are_refused(world, alice, acme):
    table = "email,role,message\r\nann@corp.example,support,Viele Grüße\r\n"
    answer = post(alice, acme, table.encode("windows-1252"))
    assert answer.json["encoding"] == "windows-1252"
    assert invited(world) == {"ann@corp.example": ("support", "Viele Grüße")}
    torn = "email,role,message\nbob@corp.example,support,Grüße\n".encode() + b"cleo@corp.example,support,Gr\xfc\xdfe\n"
    assert results(post(alice, acme, torn)) == [(2, 202, None), (3, 422, "row_not_readable")]
    cyrillic = "email,role,message\ndora@corp.example,support,Привет\nemil@corp.example,support,Hi\n"
    assert results(post(alice, acme, cyrillic.encode("windows-1251"))) == [
        (2, 422, "row_not_readable"),
        (3, 202, None),
    ]
    declared = post(alice, acme, cyrillic.encode("windows-1251"), "text/csv; charset=windows-1251")
    assert results(declared) == [(2, 202, None), (3, 422, "already_invited")]


def test_a_dry_run_tells_each_rows_verdict_and_records_nothing(world, alice, acme):
    table = "E-Mail;Rolle\nann@corp.example;Entwickler\neve@gmail.com;Support\nbob@corp.example;viewer\n"
    answer = post(alice, acme, table, query="?dry_run=true")
    assert results(answer) == [(2, 202, None), (3, 422, "domain_personal"), (4, 422, "role_unknown")]
    assert [each["verdict"] for each in answer.json["results"]] == ["allow", "deny", "deny"]
    assert [each["role"] for each in answer.json["results"]] == ["developer", "support", None]
    assert invited(world) == {}


def test_rows_as_json_are_understood_like_a_table(world, alice, acme):
    rows = [
        {"email": "Ann Li <ann@corp.example>", "role": "Desarrolladora"},
        {"email": "bob@corp.example", "role": "viewer"},
        {"email": "cleo@corp.example"},
        "nonsense",
        {"email": "dora@corp.example", "role": "support", "admin": True},
        {"email": "emil@corp.example", "role": "owner"},
        {"email": "f\0@corp.example", "role": "support"},
    ]
    answer = alice.post(f"/v1/accounts/{acme}/invitations/import", {"rows": rows})
    assert [each["code"] for each in answer.json["results"]] == [
        *(None, "role_unknown", "role_missing", "validation_failed"),
        *("validation_failed", "role_not_assignable", "row_not_readable"),
    ]
    assert [each["line"] for each in answer.json["results"]] == list(range(1, 8))
    assert invited(world) == {"ann@corp.example": ("developer", None)}


def test_the_same_import_under_one_key_is_answered_again(alice, acme):
    first, again = (post(alice, acme, SWALLOWING, **{"Idempotency-Key": "k"}) for _ in range(2))
    assert (first.status_code, again.status_code) == (207, 207)
    assert again.data == first.data


def test_no_rows_too_many_and_no_right(world, alice, bob, charlie, acme):
    row = "ann@corp.example,support\n"
    assert post(alice, acme, "email,role\n").status_code == 422
    assert post(alice, acme, "email,role\n" + row * 1001).status_code == 422
    assert post(alice, acme, "x" * 2 * 1024 * 1024 + "xx").status_code == 413
    assert post(alice, acme, b"PK\x03\x04 a workbook").json["errors"][0]["field"] == "file"
    assert post(alice, acme, row, "text/csv; charset=klingon").status_code == 422
    world.join(acme, bob, Role.SUPPORT)
    assert post(bob, acme, row).status_code == 403
    assert post(charlie, acme, row).status_code == 404


@pytest.mark.parametrize("shape", [b'"' * 2_000_000, b'a,"\n' * 500_000, b"a@b.c " * 300_000, b"," * 2_000_000])
def test_two_megabytes_of_anything_are_answered(world, alice, acme, shape):
    assert post(alice, acme, shape).status_code in {207, 422}
    with world.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Invitation)) == 0
