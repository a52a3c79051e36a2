"""Screenshots of the console for the README, from the whole running service: `make pictures`.

With a folder as argument, every page at three widths in both themes, for visual review.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.programs import chromium
from tests.stack import OPERATOR_KEY, PASSWORD, Stack, link_in

HERE = Path(__file__).parent / "pictures"
_PEOPLE = ("bob.li", "dora.novak", "emil.weiss", "fatima.haddad")


def main(folder: Path | None) -> None:
    with tempfile.TemporaryDirectory() as data, Stack(Path(data)) as stack, sync_playwright() as playwright:
        account, links = furnish(stack)
        browser = playwright.chromium.launch(executable_path=chromium(playwright), args=["--no-sandbox"])
        if folder is None:
            take_four(browser, stack, account, links.waiting)
        else:
            take_all(browser, stack, account, links, folder)
        browser.close()


@dataclass(frozen=True)
class Links:
    """A pending link, a dead link, and a dead link after a request for a new one."""

    waiting: str
    dead: str
    asked: str


def furnish(stack: Stack) -> tuple[str, Links]:
    """Create a team in all its states, and return its account and its links."""
    token, account = stack.owner("alice@corp.example")
    path = f"/v1/accounts/{account}/invitations"
    for person, role in zip(_PEOPLE, ("developer", "finance_analyst", "support", "admin"), strict=True):
        stack.ask("POST", path, {"email": f"{person}@corp.example", "role": role, "message": "Welcome!"}, token=token)
    accepted = link_in(stack.mail_to("bob.li@corp.example"), "i")
    stack.ask("POST", "/v1/invitations/accept", {"token": accepted, "name": "Bob Li", "password": PASSWORD})
    declined = link_in(stack.mail_to("emil.weiss@corp.example"), "i")
    stack.ask("POST", "/v1/invitations/decline", {"token": declined, "reason": "I have left the company."})
    for name in ("Acme Europe", "Zenith"):
        stack.ask("POST", "/v1/accounts", {"name": name}, token=token)
    stack.ask("POST", "/v1/invitations/request-new", {"token": declined})
    stack.ask("POST", path, {"email": "gita.rao@corp.example", "role": "support"}, token=token)
    dead = link_in(stack.mail_to("gita.rao@corp.example"), "i")
    stack.ask("POST", "/v1/invitations/decline", {"token": dead})
    return account, Links(link_in(stack.mail_to("dora.novak@corp.example"), "i"), dead, declined)


def take_four(browser: Browser, stack: Stack, account: str, link: str) -> None:
    HERE.mkdir(exist_ok=True)
    with window(browser, stack, width=960, theme="light", operator=True) as page:
        for name, path in (("team", f"/accounts/{account}/team"), ("accounts", "/accounts"), ("jobs", "/jobs")):
            page.goto(path)
            page.screenshot(path=HERE / f"{name}.png", animations="disabled")
    with window(browser, stack, width=960, theme="light") as page:
        page.goto(f"/i/{link}")
        page.screenshot(path=HERE / "invitation.png", animations="disabled")


def take_all(browser: Browser, stack: Stack, account: str, links: Links, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    here = f"/accounts/{account}"
    paths = {
        "accounts": "/accounts",
        "account": here,
        "team": f"{here}/team",
        "invite": f"{here}/team/invite",
        "roles": f"{here}/roles",
        "keys": f"{here}/api-keys",
        "audit": f"{here}/audit",
        "account-jobs": f"{here}/jobs",
        "settings": f"{here}/settings",
        "me": "/me",
        "waiting": "/me/invitations",
        "jobs": "/jobs",
        "mailbox": "/mailbox",
    }
    outside = {
        "front": "/",
        "login": "/login",
        "signup": "/signup",
        "forgot": "/forgot",
        "reset": f"/reset/{reset_link(stack)}",
        "invitation": f"/i/{links.waiting}",
        "dead": f"/i/{links.dead}",
        "asked": f"/i/{links.asked}",
    }
    for width in (360, 768, 1440):
        for theme in ("light", "dark"):
            with window(browser, stack, width=width, theme=theme, operator=True) as page:
                for name, path in paths.items():
                    page.goto(path)
                    page.screenshot(path=folder / f"{name}-{width}-{theme}.png", full_page=True, animations="disabled")
                page.goto(f"{here}/team")
                page.locator("main summary").first.click()
                page.screenshot(path=folder / f"menu-{width}-{theme}.png", animations="disabled")
                page.goto(f"{here}/team")
                page.locator("[hx-select]").first.click()
                page.locator("#drawer[open] #timeline").wait_for()
                page.screenshot(path=folder / f"drawer-{width}-{theme}.png", animations="disabled")
                page.goto(page.locator("[hx-select]").first.get_attribute("href") or "/")
                page.screenshot(path=folder / f"timeline-{width}-{theme}.png", full_page=True, animations="disabled")
                page.goto(f"{here}/team?state=members")
                page.locator("main summary").first.click()
                page.goto(page.locator("a[href$='/remove']").first.get_attribute("href") or "/")
                page.screenshot(path=folder / f"removal-{width}-{theme}.png", full_page=True, animations="disabled")
            with window(browser, stack, width=width, theme=theme) as page:
                for name, path in outside.items():
                    page.goto(path)
                    page.screenshot(path=folder / f"{name}-{width}-{theme}.png", full_page=True, animations="disabled")


def reset_link(stack: Stack) -> str:
    stack.ask("POST", "/v1/password-resets", {"email": "bob.li@corp.example"})
    return link_in(stack.mail_to("bob.li@corp.example", subject="new password"), "reset")


@contextmanager
def window(browser: Browser, stack: Stack, *, width: int, theme: str, operator: bool = False) -> Iterator[Page]:
    """Open a window: Alice's, signed in and optionally as the operator too, or an anonymous visitor's."""
    context = browser.new_context(
        base_url=stack.url,
        viewport={"width": width, "height": 640},
        color_scheme="light" if theme == "light" else "dark",
    )
    page = context.new_page()
    if operator:
        sign_in(page)
    yield page
    context.close()


def sign_in(page: Page) -> None:
    page.goto("/login")
    page.get_by_label("E-mail address").fill("alice@corp.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.goto("/operator")
    page.get_by_label("Operator key").fill(OPERATOR_KEY)
    page.get_by_role("button", name="Sign in as the operator").click()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
