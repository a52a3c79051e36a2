"""A person's main path through the pages, in a real browser, with and without scripts."""

import re
from email.message import EmailMessage

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from shared.accounts import passwords
from shared.models import Invitation, Signup, Status
from shared.tokens import Purpose, derive
from tests.web.conftest import PASSWORD, World


@pytest.fixture
def invitation(world: World) -> str:
    alice = world.person("alice@corp.example")
    return world.invited(world.account(alice), alice, "bob@corp.example", message="Welcome aboard!")


def test_someone_new_joins_by_the_link(page: Page, world: World, invitation: str):
    page.goto(f"/i/{world.token(invitation)}")
    expect(page).to_have_url(re.compile("/invitations/inv_[0-9a-z]+$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Join Acme")
    expect(page.get_by_text("Welcome aboard!")).to_be_visible()
    page.get_by_label("Your name").fill("www.bob")
    page.get_by_label("Choose a password").fill(PASSWORD)
    page.get_by_role("button", name="Create account and join").click()
    expect(page.get_by_role("alert")).to_contain_text("Must not hold an address")
    expect(page.get_by_label("Your name")).to_have_value("www.bob")
    page.get_by_label("Your name").fill("Bob Li")
    page.get_by_label("Choose a password").fill(PASSWORD)
    page.get_by_role("button", name="Create account and join").click()
    expect(page.get_by_role("status")).to_have_text("You have joined Acme in the role developer.")
    expect(page.get_by_role("navigation", name="You")).to_contain_text("Bob Li")


def test_someone_declines(page: Page, world: World, invitation: str):
    page.goto(f"/i/{world.token(invitation)}")
    page.get_by_text("I don't want to join").click()
    page.get_by_label("I don't know who sent this").check()
    page.get_by_role("button", name="Decline the invitation").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You have declined")
    with world.sessions() as session:
        assert session.get_one(Invitation, invitation).status == Status.DECLINED


def test_the_wrong_person_signs_out_and_the_right_one_joins(page: Page, world: World):
    alice, acme = world.person("alice@corp.example"), None
    acme = world.account(alice)
    kept = passwords.hash_password(PASSWORD)
    for email in ("carol@corp.example", "dave@corp.example"):
        world.person(email, password_hash=kept)
    token = world.token(world.invited(acme, alice, "carol@corp.example"))
    sign_in(page, "dave@corp.example")
    page.goto(f"/i/{token}")
    expect(page.get_by_role("main")).to_contain_text("signed in as d***@corp.example")
    page.get_by_role("button", name="Sign out and come back").click()
    page.get_by_label("E-mail address").fill("carol@corp.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Join Acme").click()
    expect(page.get_by_role("status")).to_contain_text("You have joined Acme")


def test_charlie_signs_up_and_proves_his_address(page: Page, world: World):
    page.goto("/")
    page.get_by_role("link", name="Sign up").click()
    page.get_by_label("Your name").fill("Charlie")
    page.get_by_label("E-mail address").fill("charlie@other.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Look into your mail")
    with world.sessions() as session:
        charlie = session.query(Signup).one()
    page.goto(f"/verify/{derive(world.settings.secret_keys[0], Purpose.VERIFICATION, charlie.id, 1)}")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Confirm email", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Email confirmed")
    sign_in(page, "charlie@other.example")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your accounts")
    page.locator("header summary").filter(has_text="Charlie").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Share an account with your team")


def test_a_link_in_a_caught_email_opens_in_the_whole_window(page: Page, world: World, invitation: str):
    catch(
        world,
        f'<a href="{world.settings.public_url}/i/{world.token(invitation)}">See</a><script>document.title=1</script>',
    )
    page.goto("/mailbox")
    page.get_by_role("link", name="Alice invites you").click()
    follow(page.frame_locator("iframe").get_by_role("link", name="See"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Join Acme")


@pytest.mark.parametrize(("scheme", "width"), [("light", 360), ("dark", 1440)])
def test_every_page_is_accessible(browser, site, world: World, invitation: str, scheme, width):
    """Finds no axe violation, nothing wider than the screen, and no console message."""
    catch(world, "<p>Hello</p>")
    context = browser.new_context(base_url=site, color_scheme=scheme, viewport={"width": width, "height": 800})
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text))
    for path in ("/", "/login", "/signup", "/forgot", "/docs", "/mailbox", "/mailbox/mail_1"):
        look_at(page, path)
    look_at(page, f"/verify/{signed_up(world)}")
    page.locator("summary").filter(has_text="someone else signed up").click()
    look_at(page, f"/i/{world.token(invitation)}")
    page.locator("form").evaluate_all("forms => forms.forEach(form => form.noValidate = true)")
    page.get_by_role("button", name="Create account and join").click()
    expect(page.get_by_role("alert")).to_be_visible()
    examine(page)
    assert [complaint for complaint in complaints if "422" not in complaint] == []
    context.close()


def signed_up(world: World) -> str:
    """The token in the email of an unverified sign-up."""
    body = {"email": "dora@corp.example", "name": "Dora", "password": PASSWORD}
    made = world.nobody.post("/v1/users", body)
    return derive(world.settings.secret_keys[0], Purpose.VERIFICATION, made.json["id"], 1)


def look_at(page: Page, path: str) -> None:
    page.goto(path)
    for summary in page.locator("summary").all()[:12]:
        summary.click()
    examine(page)


def follow(link: Locator) -> None:
    """Follow a link in a frame by keyboard. A click may miss it while a new frame still moves."""
    link.press("Enter")


def examine(page: Page) -> None:
    page.evaluate(SETTLED)
    # Gathering and transferring the passed rules too would double the time.
    found = Axe().run(page, options={"resultTypes": ["violations"]})
    assert found.violations_count == 0, f"{page.url}: {found.generate_report()}"
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, page.url


# Elements that fade in or change color are examined afterwards. A spinner never ends.
SETTLED = """Promise.allSettled(document.getAnimations()
  .filter(each => isFinite(each.effect.getComputedTiming().endTime)).map(each => each.finished))"""


def sign_in(page: Page, email: str) -> None:
    page.goto("/login")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="Sign in")).to_have_count(0)


def catch(world: World, html: str) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"] = "Usher <usher@corp.example>", "bob@corp.example"
    mail["Subject"] = "Alice invites you"
    mail.set_content("Hello")
    mail.add_alternative(html, subtype="html")
    assert world.settings.mailbox_dir
    (world.settings.mailbox_dir / "mail_1.eml").write_bytes(mail.as_bytes())
