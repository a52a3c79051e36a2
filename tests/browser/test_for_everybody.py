"""Accessibility of the console's pages: in both themes, on narrow and wide screens, checked with axe."""

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.test_console import fill_in, row_of, sign_in
from tests.browser.test_pages import examine
from tests.stack import OPERATOR_KEY, Stack


@pytest.mark.parametrize(("theme", "width"), [("light", 360), ("dark", 1440)])
def test_every_page_of_the_console_is_accessible(browser: Browser, stack: Stack, acme: str, theme, width):
    """Finds no axe violation, nothing wider than the screen, no request to other sites, and no console message."""
    context = browser.new_context(base_url=stack.url, color_scheme=theme, viewport={"width": width, "height": 800})
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("request", lambda sent: sent.url.startswith(stack.url) or complaints.append(sent.url))
    sign_in(page, "alice@corp.example")
    page.goto("/operator")
    page.get_by_label("Operator key").fill(OPERATOR_KEY)
    page.get_by_role("button", name="Sign in as the operator").click()
    here = f"/accounts/{acme}"
    invite_into(page, acme, f"{theme}@corp.example")
    look_at(page, here, "header summary")
    for path in ("/team", "/team/invite", "/roles", "/api-keys", "/audit", "/jobs", "/settings"):
        look_at(page, here + path)
    for path in ("/accounts", "/me", "/me/invitations", "/jobs", "/operator"):
        look_at(page, path)
    page.goto(f"{here}/team")
    # One line high: its word is not broken.
    button = page.locator(".entry > .menu > summary").first.bounding_box()
    assert button
    assert button["height"] < 45
    page.get_by_role("link", name=f"{theme}@corp.example").click()
    expect(page.locator("#drawer #timeline")).to_be_visible()
    examine(page)
    assert complaints == []
    context.close()


def test_long_names_leave_the_bar_at_the_top_whole(browser: Browser, stack: Stack):
    """On a phone, nothing in the top bar overlaps or leaves the screen, and neither does an open menu."""
    email, person, company = "bea@corp.example", "Bartholomea Featherstonehaugh", "Northwind Traders International"
    stack.owner(email, person, company)
    context = browser.new_context(base_url=stack.url, viewport={"width": 360, "height": 800})
    page = context.new_page()
    page.goto("/login")
    fill_in(page, email)
    expect(page.get_by_role("heading", level=1)).to_have_text(company)
    menus = page.locator("header summary")
    expect(menus).to_have_count(2)
    side_by_side(page.locator("header .brand"), *menus.all())
    for menu in menus.all():
        menu.click()
        expect(page.locator("header .card:visible")).to_have_count(1)
        side_by_side(page.locator("header .card:visible"))
        menu.click()
    context.close()


def side_by_side(*elements: Locator) -> None:
    """Expect the elements from left to right, each at least as wide as a finger, all within the screen."""
    end = 0
    for element in elements:
        box = element.bounding_box()
        assert box
        assert box["x"] >= end
        assert box["width"] >= 44
        end = box["x"] + box["width"]
    assert end <= 360


def look_at(page: Page, path: str, menus: str = "main summary") -> None:
    """Examine the page as it opens, then with its first menu open. The header's menus are the same everywhere."""
    page.goto(path)
    examine(page)
    for menu in page.locator(menus).all()[:1]:
        menu.click()
        examine(page)
        menu.click()


def invite_into(page: Page, acme: str, address: str) -> None:
    page.goto(f"/accounts/{acme}/team/invite")
    page.get_by_label("E-mail addresses").fill(address)
    page.get_by_role("radio", name="developer").check()
    page.get_by_role("button", name="Invite user").click()
    expect(row_of(page, address)).to_be_visible()
    examine(page)
