"""The whole service with its email, in a browser: Alice invites, Bob joins, and both use the console."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_pages import follow
from tests.stack import PASSWORD, Stack, link_in


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def scripts(request) -> bool:
    return request.param


@pytest.fixture
def window(browser: Browser, stack: Stack, scripts: bool) -> Iterator:
    """Opens windows that are restricted to the service and fail on any console message."""
    contexts, strangers, complaints = [], [], []

    def opened() -> Page:
        context = browser.new_context(base_url=stack.url, java_script_enabled=scripts)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda sent: sent.url.startswith(stack.url) or strangers.append(sent.url))
        page.on("console", lambda message: complaints.append(message.text))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert strangers == []
    # Chromium recommends a username field beside each new password. On a reset page it would tell the holder of a
    # leaked link whose password it sets.
    known = ("status of 4", "[DOM] Password forms should have (optionally hidden) username fields")
    assert [complaint for complaint in complaints if not any(each in complaint for each in known)] == []


def test_from_the_invitation_to_the_removal(stack: Stack, acme: str, window, scripts: bool):
    address = f"bob.{'with' if scripts else 'without'}@corp.example"
    alice = window()
    sign_in(alice, "alice@corp.example")
    invite(alice, acme, address, scripts)
    bob = window()
    join_by_mail(bob, address)
    make_and_switch(bob)
    change_role(alice, acme, address, scripts)
    bob.goto(f"/accounts/{acme}")
    expect(bob.get_by_role("main")).to_contain_text("Your role is support.")
    remove(alice, acme, address)
    assert bob.goto(f"/accounts/{acme}").status == 404


def test_a_dead_links_holder_asks_and_is_sent_a_new_one(stack: Stack, acme: str, window, scripts: bool):
    address = f"dora.{'with' if scripts else 'without'}@corp.example"
    token = stack.ask("POST", "/v1/sessions", {"email": "alice@corp.example", "password": PASSWORD}).json["token"]
    path = f"/v1/accounts/{acme}/invitations"
    made = stack.ask("POST", path, {"email": address, "role": "support"}, token=token).json["id"]
    link = f"/i/{link_in(stack.mail_to(address), 'i')}"
    assert stack.ask("POST", f"{path}/{made}/revoke", token=token).status == 200
    dora = window()
    assert dora.goto(link).status == 410
    dora.get_by_role("button", name="Ask for a new one").click()
    expect(dora.get_by_role("heading", level=1)).to_have_text("Alice was asked")
    expect(dora.get_by_role("main")).to_contain_text("What happens next")
    dora.goto(link)
    expect(dora.get_by_role("main")).to_contain_text("Alice was asked already.")
    expect(dora.get_by_role("button", name="Ask for a new one")).to_have_count(0)
    stack.mail_to("alice@corp.example", subject=address)
    alice = window()
    sign_in(alice, "alice@corp.example")
    alice.goto("/mailbox")
    alice.get_by_role("link", name=f"{address} asks for a new invitation to Acme").click()
    follow(alice.frame_locator("iframe").get_by_role("link", name="Go to the team"))
    expect(alice).to_have_url(f"{stack.url}/accounts/{acme}/team")


def test_a_forgotten_password_is_reset_by_email(stack: Stack, acme: str, window, scripts: bool):
    address = f"emil.{'with' if scripts else 'without'}@corp.example"
    stack.ask("POST", "/v1/users", {"email": address, "name": "Emil", "password": "forgotten at once"})
    proof = link_in(stack.mail_to(address), "verify")
    assert stack.ask("POST", "/v1/users/verify", {"token": proof, "password": "forgotten at once"}).status == 200
    emil = window()
    emil.goto("/login")
    emil.get_by_role("link", name="Forgot your password?").click()
    emil.get_by_label("E-mail address").fill(address)
    emil.get_by_role("button", name="Mail me a link").click()
    expect(emil.get_by_role("heading", level=1)).to_have_text("Look into your mail")
    link = f"/reset/{link_in(stack.mail_to(address, subject='new password'), 'reset')}"
    emil.goto(link)
    emil.get_by_label("New password").fill(PASSWORD)
    emil.get_by_role("button", name="Set this password").click()
    expect(emil.get_by_role("heading", level=1)).to_have_text("Your password is set")
    assert emil.goto(link).status in {404, 410}
    emil.goto("/login")
    fill_in(emil, address)
    expect(emil.get_by_role("heading", level=1)).to_have_text("Your accounts")


def invite(page: Page, acme: str, address: str, scripts: bool) -> None:
    page.goto(f"/accounts/{acme}/team")
    page.get_by_role("link", name="Add new user").click()
    page.get_by_label("E-mail addresses").fill(f"{address}, someone@gmail.com")
    if scripts:
        trials = page.locator(".trials li")
        expect(trials.nth(0)).to_contain_text("OK")
        expect(trials.nth(1)).to_contain_text("Can't invite")
        expect(trials.nth(1)).to_contain_text("work address")
    page.get_by_role("radio", name=re.compile("^developer")).check()
    page.get_by_role("button", name="Invite user").click()
    rows = page.locator(".entry")
    expect(rows.nth(1)).to_contain_text("not invited")
    if not scripts:
        page.goto(f"/accounts/{acme}/team")
        until_sent(page, address)
    expect(row_of(page, address)).to_contain_text(re.compile("sent|delivered"))


def until_sent(page: Page, address: str) -> None:
    """Wait until the email was sent. Without scripts, a person reloads the page."""
    for _ in range(40):
        if re.search("sent|delivered", row_of(page, address).inner_text()):
            return
        page.wait_for_timeout(250)
        page.reload()


def join_by_mail(page: Page, address: str) -> None:
    page.goto("/mailbox")
    page.get_by_role("listitem").filter(has_text=address).get_by_role("link").first.click()
    follow(page.frame_locator("iframe").get_by_role("link").first)
    expect(page.get_by_role("heading", level=1)).to_have_text("Join Acme")
    page.get_by_label("Your name").fill("Bob Li")
    page.get_by_label("Choose a password").fill(PASSWORD)
    page.get_by_role("button", name="Create account and join").click()
    expect(page.get_by_role("status")).to_have_text("You have joined Acme in the role developer.")


def make_and_switch(page: Page) -> None:
    page.get_by_label("Its name").fill("Bob's own")
    page.get_by_role("button", name="Make the account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Bob's own")
    page.locator("summary").filter(has_text="Bob's own").click()
    page.get_by_role("link", name="Acme developer").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Acme")


def change_role(page: Page, acme: str, address: str, scripts: bool) -> None:
    if scripts:
        # The row has followed Bob's acceptance by script. The member appears once the page is reloaded.
        expect(row_of(page, address)).to_contain_text("accepted")
        page.goto(f"/accounts/{acme}/team")
        row_of(page, address)
    page.goto(f"/accounts/{acme}/team?q=Bob&state=members")
    row = row_of(page, address)
    row.locator("summary").click()
    row.get_by_label("Role").select_option("support")
    row.get_by_role("button", name="Change the role").click()
    expect(row_of(page, address).locator(".role")).to_have_text("support")


def remove(page: Page, acme: str, address: str) -> None:
    page.goto(f"/accounts/{acme}/team")
    row_of(page, address).locator("summary").click()
    page.get_by_role("link", name="Remove from the account").locator("visible=true").click()
    page.get_by_label("Type the address to confirm").fill(address)
    page.get_by_role("button", name="Remove from the account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Team")
    expect(page.locator(".entry").filter(has_text=address)).to_have_count(0)


def row_of(page: Page, address: str):
    return page.locator(".entry").filter(has_text=address)


def sign_in(page: Page, email: str) -> None:
    page.goto("/login")
    fill_in(page, email)
    expect(page.get_by_role("heading", level=1)).to_have_text("Acme")


def fill_in(page: Page, email: str) -> None:
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()


def test_a_long_list_shows_its_progress_and_the_result_of_each(browser: Browser, stack: Stack):
    account = stack.owner("ina@corp.example")[1]
    context = browser.new_context(base_url=stack.url)
    page = context.new_page()
    sign_in(page, "ina@corp.example")
    page.goto(f"/accounts/{account}/team/invite")
    people = [f"guest{number}@corp.example,support" for number in range(230)]
    file = "\n".join(["email,role", *people, "no-one,support"]).encode()
    page.get_by_label("Or a CSV file").set_input_files({"name": "people.csv", "mimeType": "text/csv", "buffer": file})
    page.get_by_role("button", name="Invite user").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download results (CSV)").click()
    lines = download.value.path().read_text().splitlines()
    assert len(lines) == 232
    assert [line.split(",")[2] for line in lines[1:]] == ["invited"] * 230 + ["refused"]
    expect(page.locator(".entry")).to_have_count(231)
    context.close()
