"""Personal pages and team pages in a real browser, with and without scripts."""

from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from shared.accounts import passwords
from shared.models import Invitation, Status
from shared.permissions import Role
from tests.browser.test_pages import examine, sign_in
from tests.web.conftest import PASSWORD, Caller, World


@dataclass
class Team:
    """Alice's account, and Alice, who knows her password."""

    world: World
    alice: Caller
    acme: str


@pytest.fixture(scope="session")
def password_hash() -> str:
    return passwords.hash_password(PASSWORD)


@pytest.fixture
def team(world: World, password_hash: str) -> Team:
    alice = world.person("alice@corp.example", password_hash=password_hash)
    return Team(world, alice, world.account(alice))


def test_alice_ends_a_sign_in_that_is_not_this_one(page: Page, team: Team):
    sign_in(page, "alice@corp.example")
    page.goto("/me")
    signed_in = page.get_by_role("region", name="Where you are signed in").get_by_role("listitem")
    expect(signed_in).to_have_count(2)
    expect(signed_in.filter(has_text="here").get_by_role("button")).to_have_count(0)
    assert team.alice.get("/v1/me").status_code == 200
    page.get_by_role("button", name="End the sign-in of").click()
    expect(signed_in).to_have_count(1)
    expect(page.get_by_role("heading", level=1)).to_have_text("My profile")
    assert team.alice.get("/v1/me").status_code == 401


def test_bob_joins_one_account_and_declines_another_without_his_email(
    page: Page, team: Team, world: World, password_hash: str
):
    world.person("bob@corp.example", password_hash=password_hash)
    europe = world.account(team.alice, "Acme Europe")
    accepted, declined = (world.invited(account, team.alice, "bob@corp.example") for account in (team.acme, europe))
    sign_in(page, "bob@corp.example")
    page.goto("/me/invitations")
    offer = page.get_by_role("article").filter(has=page.get_by_role("heading", name="Acme Europe"))
    expect(offer).to_contain_text("Alice (alice@corp.example) invites you in the role developer.")
    offer.get_by_role("button", name="Decline").click()
    expect(page.get_by_role("article")).to_have_count(1)
    page.get_by_role("button", name="Join Acme").click()
    expect(page.get_by_role("status")).to_have_text("You have joined Acme in the role developer.")
    page.goto("/me/invitations")
    expect(page.get_by_role("main")).to_contain_text("Nothing waits for you.")
    with world.sessions() as session:
        assert session.get_one(Invitation, accepted).status == Status.ACCEPTED
        assert session.get_one(Invitation, declined).status == Status.DECLINED


def test_alice_decides_about_what_an_admin_who_left_had_invited(page: Page, team: Team, world: World):
    bob = world.person("bob@corp.example")
    place = world.join(team.acme, bob, Role.ADMIN)
    for name in ("carol", "dora"):
        world.invited(team.acme, bob, f"{name}@corp.example")
    assert team.alice.delete(f"/v1/accounts/{team.acme}/members/{place}").status_code == 204
    sign_in(page, "alice@corp.example")
    page.goto(f"/accounts/{team.acme}/team")
    for name, action, word in (("carol", "Release", "sending"), ("dora", "Refuse", "blocked")):
        row = page.locator(".entry").filter(has_text=f"{name}@corp.example")
        expect(row.locator(".badge")).to_have_text("held")
        expect(row).to_contain_text("has left the account")
        row.locator("summary").click()
        row.get_by_label("Why, for whoever reads it later").fill(f"I know {name}.")
        row.get_by_role("button", name=action).click()
        expect(row.locator(".badge")).to_have_text(word)
    page.get_by_role("link", name="dora@corp.example").click()
    expect(page.get_by_role("list").filter(has_text="I know dora.").first).to_contain_text("Refused")


def test_alice_makes_a_key_and_revokes_it(page: Page, team: Team):
    sign_in(page, "alice@corp.example")
    page.goto(f"/accounts/{team.acme}/api-keys")
    page.get_by_label("What it is for").fill("deployment")
    page.get_by_label("Role", exact=True).select_option("support")
    page.get_by_role("button", name="Make the key").click()
    secret = page.get_by_role("status").locator("code").inner_text()
    program = Caller(team.world.app.test_client(), secret)
    assert program.get(f"/v1/accounts/{team.acme}/members").status_code == 200
    # What the browser itself does a minute later.
    page.context.clear_cookies(name="usher_new_key")
    page.goto(f"/accounts/{team.acme}/api-keys")
    expect(page.get_by_text(secret)).to_have_count(0)
    page.get_by_role("button", name="Revoke the key deployment").click()
    key = page.get_by_role("listitem").filter(has_text="deployment")
    expect(key.locator(".badge", has_text="revoked")).to_be_visible()
    expect(key.get_by_role("button")).to_have_count(0)
    assert program.get(f"/v1/accounts/{team.acme}/members").status_code == 401


def test_a_double_click_shows_the_new_key(page: Page, team: Team):
    sign_in(page, "alice@corp.example")
    for number in range(4):
        page.goto(f"/accounts/{team.acme}/api-keys")
        page.get_by_label("What it is for").fill(f"Deployment {number}")
        page.get_by_role("button", name="Make the key").dblclick(delay=5)
        page.wait_for_url("**/api-keys")
        expect(page.get_by_role("status").locator("code")).to_contain_text("ushk_")
        expect(page.get_by_role("listitem").filter(has_text=f"Deployment {number}")).to_have_count(1)


def test_alice_says_how_long_invitations_last(page: Page, team: Team):
    sign_in(page, "alice@corp.example")
    page.goto(f"/accounts/{team.acme}/settings")
    page.get_by_label("How many hours an invitation can be accepted").fill("36")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("How many hours an invitation can be accepted")).to_have_value("36")
    page.goto(f"/accounts/{team.acme}/team/invite")
    expect(page.get_by_label("How long it can be accepted").locator("option").first).to_have_text("36 hours")


@pytest.mark.parametrize(("theme", "width"), [("light", 360), ("dark", 1440)])
def test_removal_timeline_and_dead_link_are_accessible(browser, site, team: Team, world: World, theme, width):
    """Finds no axe violation, and nothing wider than the screen."""
    bob = world.person("bob@corp.example")
    place = world.join(team.acme, bob, Role.ADMIN)
    world.api_key(team.acme, bob, Role.DEVELOPER)
    dead, _ = (world.invited(team.acme, bob, f"{name}@corp.example", message="Welcome!") for name in ("carol", "dora"))
    world.change(Invitation, dead, status=Status.EXPIRED)
    context = browser.new_context(base_url=site, color_scheme=theme, viewport={"width": width, "height": 800})
    page = context.new_page()
    sign_in(page, "alice@corp.example")
    page.goto(f"/accounts/{team.acme}/members/{place}/remove")
    examine(page)
    page.get_by_label("Type the address to confirm").fill("someone else")
    page.get_by_role("button", name="Remove from the account").click()
    expect(page.get_by_role("alert")).to_be_visible()
    examine(page)
    page.goto(f"/i/{world.token(dead)}")
    examine(page)
    page.get_by_role("button", name="Ask for a new one").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Bob was asked")
    examine(page)
    page.goto(f"/accounts/{team.acme}/invitations/{dead}")
    expect(page.get_by_role("article")).to_contain_text("A new link was asked for")
    examine(page)
    context.close()


def test_no_role_is_preselected_and_the_form_asks_for_one(page: Page, team: Team):
    sign_in(page, "alice@corp.example")
    page.goto(f"/accounts/{team.acme}/team/invite")
    roles = page.get_by_role("radio")
    expect(roles).to_have_count(4)
    expect(page.locator("[name=role]:checked")).to_have_count(0)
    page.get_by_label("E-mail addresses").fill("dora@corp.example")
    page.get_by_role("button", name="Invite user").click()
    expect(page.locator("#role-error")).to_have_text("Choose a role.")
    page.get_by_role("radio", name="support").check()
    page.get_by_role("button", name="Invite user").click()
    expect(page.locator(".entry", has_text="dora@corp.example").locator(".role")).to_have_text("support")


def test_on_a_phone_each_role_is_one_card_below_the_other(browser, site, team: Team):
    context = browser.new_context(base_url=site, viewport={"width": 390, "height": 844})
    page = context.new_page()
    sign_in(page, "alice@corp.example")
    page.goto(f"/accounts/{team.acme}/team/invite")
    hint, *cards = [page.locator("#role-hint"), *page.locator(".choices label").all()]
    lefts = [each.bounding_box()["x"] for each in (hint, *cards)]
    assert max(lefts) - min(lefts) < 2
    examine(page)
    for card in cards:
        name, summary = card.get_by_role("radio").bounding_box(), card.locator(".aside").bounding_box()
        assert summary["y"] - name["y"] < 40
    context.close()


def test_after_inviting_the_box_is_empty_and_a_reload_shows_the_results(page: Page, team: Team):
    sign_in(page, "alice@corp.example")
    page.goto(f"/accounts/{team.acme}/team/invite")
    page.get_by_label("E-mail addresses").fill("erin@corp.example, frank@mailinator.com")
    page.get_by_role("radio", name="support").check()
    page.get_by_role("button", name="Invite user").click()
    results = page.get_by_role("list", name="Invitations")
    expect(results).to_contain_text("erin@corp.example")
    expect(page.get_by_label("E-mail addresses")).to_have_value("frank@mailinator.com")
    expect(page.locator("#trials")).to_be_empty()
    page.wait_for_url("**/team/invite/*", timeout=10_000)
    page.reload()
    expect(results).to_contain_text("erin@corp.example")
    page.get_by_label("E-mail addresses").fill("grace@corp.example")
    page.get_by_role("button", name="Invite user").click()
    expect(results).to_contain_text("grace@corp.example")
    expect(page.get_by_label("E-mail addresses")).to_have_value("")
