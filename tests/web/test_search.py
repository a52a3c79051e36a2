"""People are found by their names without diacritics, as anyone might type them."""

from urllib.parse import quote

import pytest
from sqlalchemy import text

from shared.accounts import memberships
from shared.folding import _TABLE, fold, folded_sql
from shared.models import Account, User
from shared.models.user import WORDS
from shared.permissions import Role

NAMES = {
    "Łukasz Wałęsa": ("lukasz", "łukasz", "LUKASZ", "walesa", "wałęsa", "ｌｕｋａｓｚ"),
    "Anna/Berta Schmidt": ("berta", "anna", "anna/berta", "schmidt berta"),
    "<Ida> & Søn": ("ida", "son", "søn", "<ida>"),
    "Jörg Großmann": ("jorg", "jörg", "jo\u0308rg", "grossmann", "großmann", "GROẞMANN"),
    "Şükrü Yıldız": ("yildiz", "yıldız", "sukru"),
    "Ｍｉｎａ Ａｏｋｉ": ("mina", "aoki"),
    "Zoe\u0301 Æbelø": ("zoe", "zoé", "aebelo", "æbelø"),
    "ИВАН Αλέξης": ("иван", "αλεξησ", "ΑΛΈΞΗΣ"),
    "Đặng Þór O'Brien": ("dang", "thor", "o'brien"),
    "田中さくら": ("田中",),
}


@pytest.fixture
def team(world, acme) -> str:
    """An account whose members have these names."""
    for number, name in enumerate(NAMES):
        person = world.person(f"p{number}@corp.example")
        world.change(User, person.id, name=name)
        world.join(acme, person, Role.SUPPORT)
    return acme


@pytest.mark.parametrize("name", NAMES)
def test_a_member_is_found_without_accents_strokes_and_slashes(alice, team, name):
    for q in NAMES[name]:
        rows = alice.get(f"/v1/accounts/{team}/members?q={quote(q)}").json["data"]
        assert [row["user"]["name"] for row in rows] == [name], q


@pytest.mark.parametrize("q", ["<", "<script>", "/", "&lt;", "%", "'", "\\", "://", "x&y|z!", "\u0301"])
def test_a_search_of_signs_finds_no_one_and_breaks_nothing(alice, team, q):
    for path in ("members", "invitations"):
        assert alice.get(f"/v1/accounts/{team}/{path}?q={quote(q)}").json["data"] == []


def test_an_invitation_is_found_by_the_name_in_its_address(world, alice, acme):
    for email in ("lukasz.nowak@corp.example", "jörg@corp.example"):
        world.invited(acme, alice, email)

    def found(q: str) -> list[str]:
        rows = alice.get(f"/v1/accounts/{acme}/invitations?q={quote(q)}").json["data"]
        return [row["email"] for row in rows]

    for q in ("łukasz", "Łukasz Nowak", "nowak", "LUKASZ.nowak@CORP"):
        assert found(q) == ["lukasz.nowak@corp.example"], q
    for q in ("jorg", "JÖRG", "jo\u0308rg"):
        assert found(q) == ["jörg@corp.example"], q
    assert found("łukasz meyer") == []


def test_an_account_is_found_without_its_accents(world, alice, acme):
    world.change(Account, acme, name="Société Générale Łódź")
    with world.sessions() as session:
        found = memberships.list_accounts(session, user_id=alice.id, after="", limit=5, q="generale lodz")
    assert [account.id for account, _ in found] == [acme]


def test_python_and_postgresql_fold_every_character_alike(sessions):
    characters = [chr(code) for code in (*_TABLE, *range(0x20, 0x2000), *range(0x3040, 0x3100), *range(0xFF01, 0xFF5F))]
    characters = [character for character in characters if character.isprintable()]
    with sessions() as session:
        rows = session.execute(
            text(f"SELECT c, {folded_sql('c')} FROM unnest(CAST(:all AS text[])) c"), {"all": characters}
        )
        assert [(character, folded) for character, folded in rows if fold(character) != folded] == []


def test_a_search_uses_the_index_of_folded_words(sessions):
    with sessions() as session:
        query = f"EXPLAIN SELECT id FROM users WHERE {WORDS} @@ to_tsquery('simple', 'lukasz:*')"
        plan = "\n".join(session.scalars(text(query.replace(":*", "\\:*"))))
    assert "ix_users_folded_words" in plan
