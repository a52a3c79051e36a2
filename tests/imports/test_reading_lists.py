"""Recipient lists as people write them: one row per person, understood or refused, and nothing moves to another row."""

import csv
import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Invalid
from shared.folding import fold
from shared.permissions import Role
from shared.recipient_lists.reading import read
from shared.recipient_lists.roles import role_of
from tests.web.pages import catalogues
from web.ui.labels import _ROLES


def rows(data: bytes | str) -> list[tuple[int, str, str | None, str | None]]:
    """The line, address, role and code of each row."""
    return [(row.line, row.email, row.role, row.flaw and row.flaw.code) for row in read(data).rows]


@pytest.mark.parametrize(
    "header",
    [
        *("Email Address,Role", "E-Mail;Rolle", "e-mail\tROLE", "Correo electrónico;Rol", "Adresse e-mail;Rôle"),
        *("Endereço de e-mail;Função", "Courriel,Role", "E-MAIL-ADRESSE|Berechtigung", '"Email" , "Role"'),
        *("sep=;\nEmail;Role", "\n\n\ufeffEmail,Role", "Mail;Benutzerrolle", "Work email,role"),
    ],
)
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_a_header_is_understood_in_many_languages_and_with_any_separator(header, ending):
    separator = next(sign for sign in "\t;,|" if sign in header.split("\n")[-1])
    table = f"{header}\ndora@corp.example{separator}Support\n".replace("\n", ending)
    assert [row[1:] for row in rows(table)] == [("dora@corp.example", Role.SUPPORT, None)]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "windows-1252", "utf-32"]
)
def test_a_file_is_read_in_its_encoding(encoding):
    table = read("email,role,message\r\ndora@corp.example,support,Grüße – à bientôt\r\n".encode(encoding))
    assert [(row.message, row.flaw) for row in table.rows] == [("Grüße – à bientôt", None)]
    assert table.encoding.startswith(encoding.removesuffix("-sig"))


@pytest.mark.parametrize("role", list(Role))
def test_a_role_is_understood_as_every_page_calls_it(role):
    spellings = {role, role.replace("_", " ").title(), role.replace("_", "-").upper()}
    spellings |= {str(catalogues.read(tag).get(_ROLES[role]).string) for tag in ("de", "es")}
    assert {role_of(spelling) for spelling in spellings} == {role}


@pytest.mark.parametrize("text", ["viewer", "developper", "finance", "adm1n", "", "owner admin", "x" * 10_000])
def test_what_is_no_role_is_never_taken_for_one(text):
    assert role_of(text) is None


@pytest.mark.parametrize(
    ("pasted", "people"),
    [
        ("Anna <a@corp.example> Bob <b@corp.example>", ["a", "b"]),
        ("Diaz, Anna <a@corp.example>; Ortiz, Ben <b@corp.example>", ["a", "b"]),
        ('"Diaz, Anna" <a@corp.example>, Ben <b@corp.example>, c@corp.example', ["a", "b", "c"]),
        ("a@corp.example b@corp.example\nc@corp.example;d@corp.example", ["a", "b", "c", "d"]),
        ("'a@corp.example' <a@corp.example>;\nmailto:b@corp.example", ["a", "b"]),
        ("Anna Diaz\ta@corp.example\nBen\tb@corp.example", ["a", "b"]),
    ],
)
def test_a_pasted_list_is_one_row_for_each_person(pasted, people):
    assert [row[1:] for row in rows(pasted)] == [(f"{each}@corp.example", None, None) for each in people]


def test_a_range_of_a_spreadsheet_keeps_its_roles_with_and_without_a_header():
    pasted = "Anna Kowalska\ta@corp.example\tSupport\nBen\tb@corp.example\tAdmin\nCleo\tc@corp.example\tviewer\n"
    found = [
        ("a@corp.example", "support", None),
        ("b@corp.example", "admin", None),
        ("c@corp.example", None, "role_unknown"),
    ]
    assert [row[1:] for row in rows(pasted)] == found
    assert [row[1:] for row in rows(f"Name\tEmail\tRole\n{pasted}")] == found


@pytest.mark.parametrize(
    ("table", "codes"),
    [
        ("a@corp.example, viewer", ["role_unknown"]),
        ("a@corp.example,support,Welcome", ["row_not_understood"]),
        ("a@corp.example admin b@corp.example", ["row_not_understood"] * 2),
        ("a@corp.example <b@corp.example>", ["row_not_understood"] * 2),
        ("admin a@corp.example", ["row_not_understood"]),
        ("a@corp.example, b@corp.example, no-one", [None, None, "address_missing"]),
        ("Adres e-mail;Rola\na@corp.example;admin", ["columns_not_understood"]),
        ("email,role,role\na@corp.example,admin,support", ["columns_not_understood"]),
        ("email,message\na@corp.example,Hello, you", ["too_many_cells"]),
        ("email\na@corp.example b@corp.example", ["several_addresses"]),
        ("email\na@corp.example (at work)", ["row_not_understood"]),
        ("email,name\n,Anna", ["address_missing"]),
    ],
)
def test_what_is_not_understood_is_refused_and_never_guessed(table, codes):
    assert [row[3] for row in rows(table)] == codes


@pytest.mark.parametrize(
    "cell",
    [
        *("=cmd|calc@corp.example", "bob calc@corp.example", "NOT calc@corp.example", "former: calc@corp.example"),
        *("see http://x.example/?q=calc@corp.example", "//x.example/?q=calc@corp.example", "(calc@corp.example)"),
        *("Anna (calc@corp.example)", "Anna Diaz calc@corp.example", "mailto:?to=calc@corp.example"),
        *("NOT Anna <calc@corp.example>", "former: Anna <calc@corp.example>", "http://x <calc@corp.example>"),
        *("bob;calc@corp.example", "bob,calc@corp.example", "[calc@corp.example]", '"bob calc"@corp.example'),
        *('=HYPERLINK("mailto:calc@corp.example")', "calc@corp.example:", "calc@corp.example | admin"),
    ],
)
def test_an_email_cell_with_anything_but_an_address_is_refused_and_no_one_else_invited(cell):
    file = io.StringIO()
    csv.writer(file).writerows([("email", "role"), (cell, "support"), ("ann@corp.example", "admin")])
    refused, taken = read(file.getvalue()).rows
    assert (refused.email, refused.flaw and refused.flaw.code) == (cell, "row_not_understood")
    assert refused.flaw
    assert cell[:50] in refused.flaw.message
    assert (taken.email, taken.flaw) == ("ann@corp.example", None)


@pytest.mark.parametrize(
    ("cell", "email"),
    [
        *(("bob|calc@corp.example", "bob|calc@corp.example"), ("'a@corp.example'", "a@corp.example")),
        *((' "a@corp.example" ', "a@corp.example"), ("“a@corp.example”", "a@corp.example")),
        *(("mailto:a@corp.example", "a@corp.example"), ("<a@corp.example>", "a@corp.example")),
        *(("Anna Diaz <a@corp.example>", "a@corp.example"), ('"Diaz, Anna" <a@corp.example>', "a@corp.example")),
        *(("<mailto:a@corp.example>", "a@corp.example"), ("Ann O'Neil (HR) <a@corp.example>", "a@corp.example")),
        *(("o'brien@corp.example", "o'brien@corp.example"), ("+49@corp.example", "+49@corp.example")),
    ],
)
def test_an_email_cell_with_an_address_or_a_name_and_an_address_is_understood(cell, email):
    file = io.StringIO()
    csv.writer(file).writerows([("email", "role"), (cell, "support")])
    assert rows(file.getvalue()) == [(2, email, "support", None)]


@pytest.mark.parametrize(
    "line",
    [
        *("bob calc@corp.example", "NOT calc@corp.example", "=cmd|calc@corp.example", "former: calc@corp.example"),
        *("NOT Dora Diaz calc@corp.example", "see http://x.example/?q=calc@corp.example", "bob,calc@corp.example"),
        *("bob;calc@corp.example", "not,calc@corp.example", "NOT\tcalc@corp.example", "former <calc@corp.example>"),
        *("bob,calc@corp.example,ann@corp.example", "To: calc@corp.example", "Ann's:calc@corp.example"),
    ],
)
def test_a_pasted_line_with_half_an_address_before_it_invites_no_one_else(line):
    refused = [row for row in read(f"{line}\nann2@corp.example").rows if "calc" in row.source]
    assert [(row.email, row.flaw and row.flaw.code) for row in refused] != []
    for row in refused:
        assert row.flaw
        assert row.email != "calc@corp.example"


@pytest.mark.parametrize(
    "line", ["Dora Diaz d@corp.example", "Diaz, Dora, d@corp.example", "Anne-Marie O'Neil St. John d@corp.example"]
)
def test_a_name_of_two_words_can_be_before_an_address_in_a_pasted_list(line):
    assert rows(line) == [(1, "d@corp.example", None, None)]


def test_a_bar_separates_columns_only_where_the_header_says_so():
    assert rows("bob|calc@corp.example\nann@corp.example")[0][1] == "bob|calc@corp.example"
    assert rows("email\nbob|calc@corp.example") == [(2, "bob|calc@corp.example", None, None)]
    assert rows("email|role\nann@corp.example|admin") == [(2, "ann@corp.example", "admin", None)]


@pytest.mark.parametrize(
    ("table", "first"),
    [
        *(
            ("Contact,Department\na@corp.example,Support", "Contact, Department"),
            ("foo,bar\na@corp.example,admin", "foo"),
        ),
        *(
            ("Team list 2026,\nemail,role\na@corp.example,admin", "Team list 2026"),
            ("x\ty\na@corp.example\tadmin", "x, y"),
        ),
        ("Do not invite\na@corp.example", "Do not invite"),
    ],
)
def test_a_first_line_that_is_no_header_refuses_the_rows_and_gives_no_one_a_role(table, first):
    found = read(table)
    assert {row.flaw.code for row in found.rows if row.flaw} == {"columns_not_understood"}
    assert all(row.flaw and row.role is None and first in row.flaw.message for row in found.rows)
    assert found.header == table.split("\n")[0]


def test_a_workbook_is_told_apart_from_a_table():
    with pytest.raises(Invalid):
        read(b"PK\x03\x04....")


def test_characters_are_folded_alike_wherever_they_are_written():
    assert {fold(text).lower() for text in ("Łukasz", "LUKASZ", "ｌｕｋａｓｚ", "łukász")} == {"lukasz"}


words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=20)
messages = st.lists(words, min_size=1, max_size=3).map("\n".join)
people = st.tuples(
    st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.sampled_from(["support", "Entwickler", "viewer", ""]), messages
)


def is_plain(text: str) -> bool:
    return "\ufffd" not in text and "@" not in text


@given(st.lists(people, max_size=12), st.sampled_from(",;\t|"), st.sampled_from(["\n", "\r\n"]))
def test_every_row_of_a_table_comes_out_once_and_keeps_its_own_message(table, separator, ending):
    table = [
        (f"{name}{number}@corp.example", role, text)
        for number, (name, role, text) in enumerate(table)
        if is_plain(text)
    ]
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=separator, lineterminator=ending).writerows([("email", "role", "message"), *table])
    found = read(file.getvalue().encode()).rows
    assert [row.email for row in found] == [email for email, _, _ in table]
    for row, (_, role, text) in zip(found, table, strict=True):
        assert row.role == role_of(role)
        assert (row.flaw is not None) == (role == "viewer")
        assert row.message == text.replace("\r\n", "\n").strip().strip("\ufeff\u200b\u2060").strip()


@given(st.lists(st.from_regex(r'[a-z@.,; "<>\n]{0,30}', fullmatch=True), max_size=12))
def test_no_line_is_lost_and_no_message_has_another_rows_address(lines):
    lines = [line.replace("\n", "") for line in lines]
    found = read("\n".join(["email,role,message", *lines])).rows
    covered = "\n".join(row.source for row in found)
    for line in lines:
        if line.strip(', "'):
            assert line in covered
    for row in found:
        assert row.flaw or "@corp" not in row.message


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data):
    with suppress(Invalid):
        read(data)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8), st.integers(0, 7))
def test_a_quote_that_is_never_closed_moves_no_address_into_a_message(kinds, place):
    cells = ["Hi", '"Hi, you"', '""', '"say ""hi"""', "", 'a " b']
    lines = [f"p{number}@corp.example,support,{cells[kind]}" for number, kind in enumerate(kinds)]
    lines.insert(place, 'open@corp.example,support,"Hi there')
    found = read("\n".join(["email,role,message", *lines])).rows
    assert [row.line for row in found] == list(range(2, len(lines) + 2))
    assert not any("@" in row.message for row in found if not row.flaw)
    assert [row.flaw is None for row in found].count(True) >= len(kinds) - 1
