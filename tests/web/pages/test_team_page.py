"""The pages of an account: who sees them, and what each role can do there."""

import io
import re
from html import unescape

import pytest
from sqlalchemy import text

from shared.models import Account, Invitation, Membership, Status, User
from shared.permissions import Role


@pytest.fixture
def acme(world, carol, window) -> str:
    """Carol's account. She is signed in."""
    account_id = world.account(carol)
    window.sign_in("carol@corp.example")
    return account_id


def test_carol_sees_members_and_invitations_in_one_list(window, world, carol, acme):
    world.join(acme, world.person("bob@corp.example"), Role.DEVELOPER)
    world.invited(acme, carol, "dora@corp.example")
    page = window.open(f"/accounts/{acme}/team").text
    for shown in ("carol@corp.example", "bob@corp.example", "dora@corp.example", "sending", "Add new user"):
        assert shown in page


def test_a_stranger_sees_nothing(window, world, acme):
    other = world.account(world.person("alice@corp.example"))
    for path in ("", "/team", "/team/invite", "/roles", "/api-keys", "/audit", "/settings"):
        assert window.open(f"/accounts/{other}{path}").status_code == 404, path


def test_every_page_of_an_account_opens(window, world, carol, acme):
    invitation = world.invited(acme, carol, "dora@corp.example")
    bob = world.join(acme, world.person("bob@corp.example"), Role.DEVELOPER)
    for path in (
        "",
        "/team",
        "/team/invite",
        "/roles",
        "/api-keys",
        "/audit",
        "/settings",
        f"/invitations/{invitation}",
        f"/members/{bob}/remove",
        f"/team/{bob}",
    ):
        assert window.open(f"/accounts/{acme}{path}").status_code == 200, path
    for path in ("/", "/accounts", "/me", "/me/invitations"):
        assert window.open(path).status_code == 200, path


def test_each_address_is_invited_by_itself(window, world, acme):
    answer = window.see(
        f"/accounts/{acme}/team/invite",
        addresses="Dora Li <dora@corp.example>, eve@gmail.com\nnobody",
        role="support",
    )
    assert answer.status_code == 200
    assert answer.text.count('class="entry"') == 3
    assert answer.text.count("not invited") == 2
    assert ">eve@gmail.com\nnobody</textarea>" in answer.text
    with world.sessions() as session:
        (invitation,) = session.query(Invitation).all()
        assert (invitation.email, invitation.role) == ("dora@corp.example", "support")


def test_the_result_of_each_can_be_downloaded(window, acme):
    answer = window.send(
        f"/accounts/{acme}/team/invite/results.csv",
        seen_at=f"/accounts/{acme}/team/invite",
        results="1,dora@corp.example,invited,,\r\n",
    )
    assert answer.text == "line,email,result,codes,what to do\r\n1,dora@corp.example,invited,,\r\n"


def uploaded(window, acme: str, data: bytes, **fields: str):
    """The page after a file was chosen in the form, whose other fields keep their defaults."""
    file = (io.BytesIO(data), "people.csv")
    answer = window.send(f"/accounts/{acme}/team/invite", file=file, **({"role": "developer"} | fields))
    return window.open(answer.headers["Location"]) if answer.status_code == 303 else answer


def textarea(answer) -> str:
    return unescape(re.search(r'<textarea id="addresses"[^>]*>([^<]*)</textarea>', answer.text)[1])


def invited(world) -> dict[str, tuple[str, str | None]]:
    with world.sessions() as session:
        return {row.email: (row.role, row.message) for row in session.query(Invitation)}


def test_a_file_with_unknown_roles_and_an_open_quote_invites_the_others_and_keeps_the_rest(window, world, acme):
    answer = uploaded(
        window,
        acme,
        "E-Mail;Rolle;Nachricht\r\nann@corp.example;viewer;\r\nben@corp.example;Support;Grüße\r\n"
        'cleo@corp.example;admin;"Hi\r\ndora@corp.example;;Hi\r\n;support;\r\nBEN@corp.example;admin;'.encode("cp1252"),
    )
    assert invited(world) == {"ben@corp.example": ("support", "Grüße"), "dora@corp.example": ("developer", "Hi")}
    assert textarea(answer) == (
        "E-Mail;Rolle;Nachricht\nann@corp.example;viewer;\n"
        'cleo@corp.example;admin;"Hi\n;support;\nBEN@corp.example;admin;'
    )
    for fields in ("“viewer” isn&#39;t a role.", "The same address is in line 3.", "windows-1252", "line 6"):
        assert fields in answer.text


def test_no_role_is_chosen_for_anyone_who_invites(window, world, acme):
    path = f"/accounts/{acme}/team/invite"
    page = window.open(path).text
    assert page.count('type="radio" name="role"') == 4
    assert "checked" not in page
    assert "Applies to everyone whose row has no role." in page
    refused = window.send(path, addresses="dora@corp.example")
    assert refused.status_code == 422
    assert '<p class="error" id="role-error">Choose a role.</p>' in refused.text
    assert textarea(refused) == "dora@corp.example"
    assert invited(world) == {}
    assert window.see(path, addresses="dora@corp.example", role="support").status_code == 200
    assert invited(world) == {"dora@corp.example": ("support", None)}


def test_a_row_without_a_role_is_refused_unless_one_was_chosen(window, world, acme):
    file = b"email,role\nann@corp.example,\nben@corp.example,support\n"
    answer = uploaded(window, acme, file, role="")
    assert answer.status_code == 200
    assert "This row has no role." in answer.text
    assert invited(world) == {"ben@corp.example": ("support", None)}
    assert uploaded(window, acme, b"email\nann@corp.example\n", role="").status_code == 422
    assert uploaded(window, acme, b"email\nann@corp.example\n", role="admin").status_code == 200
    assert invited(world)["ann@corp.example"] == ("admin", None)


def test_an_address_is_tried_before_a_role_is_chosen(window, world, acme):
    path = f"/accounts/{acme}/team/invite"
    page = window.send(f"{path}/check", seen_at=path, addresses="dora@corp.example\neve@gmail.com").text
    assert re.findall(r'data-variant="\w+">([^<]+)<', page) == ["OK", "Can't invite"]
    assert "role" not in page


def test_a_limit_is_explained_in_plain_words(window, world, acme):
    world.change(Account, acme, invitation_limits={"invitations_per_hour": 0, "open_invitations": 5})
    page = unescape(window.open(f"/accounts/{acme}/team/invite").text)
    assert "This account can create 0 invitations an hour and has reached that limit. Try again after" in page
    for word in ("`", "invitations_per_hour", "USHER_", "Nothing was sent", "ask the operator"):
        assert word not in page


def test_rows_that_are_pasted_from_a_spreadsheet_keep_their_roles(window, world, acme):
    pasted = "Name\tEmail\tRole\nAnna Kowalska\tanna@corp.example\tSupport\nBen Ortiz\tben@corp.example\tAdmin\n"
    page = window.see(f"/accounts/{acme}/team/invite", addresses=pasted, role="developer")
    assert page.status_code == 200
    assert invited(world) == {"anna@corp.example": ("support", None), "ben@corp.example": ("admin", None)}
    names = "Cleo Diaz <cleo@corp.example> Dan <dan@corp.example>"
    window.send(f"/accounts/{acme}/team/invite", addresses=names, role="developer")
    assert {"cleo@corp.example", "dan@corp.example"} <= invited(world).keys()


def test_a_workbook_a_nul_and_a_cell_of_131073_characters_are_reported_and_break_nothing(window, world, acme):
    refused = uploaded(window, acme, b"PK\x03\x04...", addresses="x@corp.example")
    assert refused.status_code == 422
    assert "Save the sheet as CSV" in refused.text
    assert textarea(refused) == "x@corp.example"
    table = f"email,message\nann@corp.example,{'x' * 131_073}\nb\0b@corp.example,\ncleo@corp.example,Hi\n"
    answer = uploaded(window, acme, table.encode())
    assert answer.status_code == 200
    assert answer.text.count("not invited") == 2
    assert invited(world) == {"cleo@corp.example": ("developer", "Hi")}


def test_a_portion_after_the_other_reads_the_same_rows(window, world, acme):
    table = "email,role\n" + "".join(f"guest{n}@corp.example,support\n" for n in range(149)) + "nobody,viewer\n"
    path = f"/accounts/{acme}/team/invite"
    token = re.search(r'name="csrf_token" value="([^"]+)"', window.open(path).text)[1]
    fields = {"csrf_token": token, "role": "developer", "addresses": "", "table": table}
    results = ""
    for done in (0, 100):
        asked = {"Accept": "text/html", "HX-Request": "true"}
        answer = window.http.post(path, data=fields | {"done": done, "results": results}, headers=asked)
        results = unescape(re.search(r'name="results" value="([^"]*)"', answer.text)[1])
    lines = results.splitlines()
    assert [int(line.split(",")[0]) for line in lines] == list(range(2, 152))
    assert [line.split(",")[2] for line in lines] == ["invited"] * 149 + ["refused"]
    assert len(invited(world)) == 149


def test_a_german_reader_sees_the_line_and_the_word(window, world, carol, acme):
    world.change(User, carol.id, locale="de")
    pasted = "a@corp.example, viewer\nb@corp.example\nB@corp.example"
    answer = window.see(f"/accounts/{acme}/team/invite", addresses=pasted, role="support")
    assert "„viewer“ ist keine Rolle." in answer.text
    assert "Dieselbe Adresse steht in Zeile 2." in answer.text


def test_a_row_is_changed_by_a_form_alone(window, world, carol, acme):
    invitation = world.invited(acme, carol, "dora@corp.example")
    team, here = f"/accounts/{acme}/team", f"/accounts/{acme}/invitations/{invitation}"
    assert window.send(here, seen_at=team, action="role", role="support").status_code == 303
    assert window.send(here, seen_at=team, action="resend").status_code == 429
    assert window.send(here, seen_at=team, action="revoke").status_code == 303
    with world.sessions() as session:
        row = session.get_one(Invitation, invitation)
        assert (row.role, row.status) == ("support", Status.REVOKED)


def test_a_fresh_row_is_asked_for_until_it_has_changed(window, world, carol, acme):
    invitation = world.invited(acme, carol, "dora@corp.example")
    text = window.open(f"/accounts/{acme}/team").text
    (row,) = re.findall(r'hx-get="(/accounts/\w+/team/inv_[^"]+)"', text)
    assert window.open(row).status_code == 204
    world.change(Invitation, invitation, delivery="sent")
    answer = window.open(row)
    assert answer.status_code == 200
    assert answer.text.strip().startswith("<li")
    assert ">sent<" in answer.text


def test_a_member_is_removed_once_the_address_was_typed(window, world, acme):
    bob = world.join(acme, world.person("bob@corp.example"), Role.DEVELOPER)
    path = f"/accounts/{acme}/members/{bob}/remove"
    refused = window.send(path, address="rob@corp.example")
    assert refused.status_code == 422
    assert "That is another address." in refused.text
    assert window.send(path, address="BOB@corp.example").status_code == 303
    with world.sessions() as session:
        assert session.get(Membership, bob) is None


def test_bob_sees_the_team_and_changes_nothing(window, world, carol, password_hash):
    acme = world.account(carol)
    world.join(acme, world.person("bob@corp.example", password_hash=password_hash), Role.DEVELOPER)
    window.sign_in("bob@corp.example")
    text = window.open(f"/accounts/{acme}/team").text
    assert "Add new user" not in text
    assert window.open(f"/accounts/{acme}/team/invite").status_code == 403
    assert window.open(f"/accounts/{acme}/audit").status_code == 403


def test_the_page_says_that_no_one_can_be_invited_before_anyone_types(window, world, carol):
    acme = world.account(carol, contract=False)
    window.sign_in("carol@corp.example")
    for path in ("/team", "/team/invite"):
        assert "Nobody can be invited now" in window.open(f"/accounts/{acme}{path}").text


def test_a_key_is_shown_once(window, world, acme):
    answer = window.see(f"/accounts/{acme}/api-keys", name="the deployment", role="developer", last_day="")
    (secret,) = re.findall(r"ushk_[\w-]{43}", answer.text)
    # What the browser itself does a minute later.
    window.http.delete_cookie("usher_new_key")
    assert secret not in window.open(f"/accounts/{acme}/api-keys").text


def test_the_page_offers_no_end_to_a_key_of_a_role_above_ones_own(window, world, alice, carol):
    acme = world.account(alice)
    world.join(acme, carol, Role.ADMIN)
    owners = f"/accounts/{acme}/api-keys/{world.api_key(acme, alice, Role.OWNER).id}/revoke"
    admins = f"/accounts/{acme}/api-keys/{world.api_key(acme, alice, Role.ADMIN).id}/revoke"
    window.sign_in("carol@corp.example")
    page = window.open(f"/accounts/{acme}/api-keys").text
    assert admins in page
    assert owners not in page
    assert window.send(owners, seen_at=f"/accounts/{acme}/api-keys").status_code == 403


def test_carol_makes_an_account_and_lands_there(window, world, acme):
    answer = window.send("/accounts", name="Zenith")
    zenith = answer.headers["Location"].rpartition("/")[2]
    assert window.send("/accounts/default", seen_at="/accounts", default_account_id=zenith).status_code == 303
    window.send("/logout", seen_at="/")
    assert window.sign_in("carol@corp.example").headers["Location"] == f"/accounts/{zenith}"


def test_a_team_can_be_searched_and_narrowed_down(window, world, carol, acme):
    world.join(acme, world.person("bob@corp.example"), Role.DEVELOPER)
    world.invited(acme, carol, "dora@corp.example", Role.SUPPORT)

    def shown(query: str) -> list[str]:
        text = window.open(f"/accounts/{acme}/team?{query}").text
        return [name for name in ("carol", "bob", "dora") if f"{name}@corp.example</" in text]

    assert shown("q=bob&role=&state=") == ["bob"]
    assert shown("q=dor") == ["dora"]
    assert shown("role=support") == ["dora"]
    assert shown("state=members") == ["carol", "bob"]
    assert shown("state=pending") == ["dora"]
    assert shown("state=revoked") == []


def test_each_address_is_tried_before_anything_is_sent(window, world, acme):
    path = f"/accounts/{acme}/team/invite"
    answer = window.send(
        f"{path}/check", seen_at=path, addresses="dora@corp.example eve@gmail.com", role="support", hours=""
    )
    assert re.findall(r"</span> (\S+@[\w.]+)", answer.text) == ["dora@corp.example", "eve@gmail.com"]
    assert "Whoever invites can mend this." in answer.text
    with world.sessions() as session:
        assert session.query(Invitation).count() == 0


def test_carol_blocks_a_domain_and_unblocks_it(window, world, acme):
    settings = f"/accounts/{acme}/settings"
    phrase = {"effect": "block", "subject": "domain", "value": "rival.example", "reason": "They compete with us."}
    refused = window.send(f"/accounts/{acme}/exceptions", seen_at=settings, **phrase | {"value": "no domain"})
    assert refused.status_code == 422
    assert 'value="They compete with us."' in refused.text
    assert window.send(f"/accounts/{acme}/exceptions", seen_at=settings, **phrase).status_code == 303
    assert "They compete with us." in window.open(settings).text
    (remove,) = re.findall(r'action="(/accounts/\w+/exceptions/\w+/remove)"', window.open(settings).text)
    window.send(remove, seen_at=settings)
    assert "They compete with us." not in window.open(settings).text


def test_carol_says_how_long_invitations_last_and_takes_it_back(window, world, acme):
    settings, fields = f"/accounts/{acme}/settings", {"name": "Acme", "lapsed_contract": "hold"}
    assert "Left empty, it is 7 days" in window.open(settings).text
    refused = window.send(settings, **fields, invitation_hours="721")
    assert refused.status_code == 422
    assert "720 at the most." in refused.text
    assert 'value="721"' in refused.text
    assert window.send(settings, **fields, invitation_hours="36").status_code == 303
    assert 'value="36"' in window.open(settings).text
    assert '<option value="">36 hours</option>' in window.open(f"/accounts/{acme}/team/invite").text
    assert window.send(settings, **fields, invitation_hours="").status_code == 303
    assert '<option value="">7 days</option>' in window.open(f"/accounts/{acme}/team/invite").text
    with world.sessions() as session:
        assert session.get_one(Account, acme).invitation_hours is None


def test_a_team_of_ten_thousand_is_a_page_of_fifty(window, world, carol, acme):
    with world.sessions.begin() as session:
        session.execute(text(_MEMBERS), {"account": acme})
        session.execute(text(_INVITATIONS), {"account": acme, "user": carol.id})
        session.execute(text("ANALYZE"))
    answer = window.open(f"/accounts/{acme}/team")
    assert answer.text.count('class="entry"') == 50
    assert len(answer.data) < 150_000
    (older,) = re.findall(r'href="(\?[^"]+cursor=[^"]+)"', answer.text)
    assert window.open(f"/accounts/{acme}/team{older.replace('&amp;', '&')}").text.count('class="entry"') == 50


_MEMBERS = """
WITH people AS (
    INSERT INTO users (id, email, email_key, name, password_hash)
    SELECT 'usr_' || lpad(n::text, 26, '0'), e, e, 'Member ' || n, 'x'
    FROM generate_series(1, 5000) n, concat('member', n, '@corp.example') e
    RETURNING id
)
INSERT INTO memberships (id, account_id, user_id, role)
SELECT 'mem_' || substr(id, 5), :account, id, 'developer' FROM people
"""
_INVITATIONS = """
INSERT INTO invitations (id, account_id, email, email_key, role, status, delivery, invited_by, link_hash,
    lifetime_seconds, resendable_at, expires_at)
SELECT 'inv_1' || lpad(n::text, 25, '0'), :account, e, e, 'support', 'pending', 'sent', :user, sha256(e::bytea),
    3600, now(), now() + interval '1 day'
FROM generate_series(1, 5000) n, concat('guest', n, '@corp.example') e
"""
