"""Sign-in, sign-up and sign-out on the pages."""

import pytest
from sqlalchemy import select

from shared.models import Signup, User
from shared.tokens import Purpose, derive
from tests.web.conftest import PASSWORD, World
from tests.web.pages.conftest import Window
from web.ui.visitor import own_path

ELSEWHERE = [
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https://evil.example",
    "HTTPS:evil.example",
    "javascript:alert(1)",
    "/a//evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/ /evil.example",
    " //evil.example",
    "/\u2028",
    "/é",
    "evil.example",
    "?next=x",
    "",
    None,
    "/" + "a" * 501,
]


@pytest.mark.parametrize("wanted", ELSEWHERE)
def test_no_one_is_sent_elsewhere(wanted):
    assert own_path(wanted) == "/"


@pytest.mark.parametrize("wanted", ["/", "/invitations/inv_1", "/accounts/acc_1/team?q=a%20b&role=admin", "/a/b/"])
def test_own_pages_are_gone_on_to(wanted):
    assert own_path(wanted) == wanted


def test_a_long_path_is_judged_at_once():
    assert own_path("/" + "a/" * 240 + "!") == "/"


def test_carol_signs_in_and_goes_on_to_where_she_was_heading(window, carol):
    assert 'name="next" value="/me"' in window.open("/login?next=/me").text
    answer = window.sign_in("carol@corp.example", next="/me")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/me")
    cookie = next(line for line in answer.headers.getlist("Set-Cookie") if line.startswith("usher="))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Carol" in window.open("/").text


def test_signing_in_leads_to_no_other_site(window, carol):
    assert window.sign_in("carol@corp.example", next="//evil.example").headers["Location"] == "/"


def test_a_wrong_password_keeps_the_address_and_not_the_password(window, carol):
    answer = window.sign_in("carol@corp.example", "the wrong one")
    assert answer.status_code == 401
    assert "The address or the password is wrong." in answer.text
    assert 'value="carol@corp.example"' in answer.text
    assert "the wrong one" not in answer.text


def test_too_many_wrong_passwords_say_when_to_try_again(window, world):
    for _ in range(10):
        window.sign_in("no-one@corp.example", "wrong")
    answer = window.sign_in("no-one@corp.example", "wrong")
    assert answer.status_code == 429
    assert "Try again in 1 minute." in answer.text
    assert int(answer.headers["Retry-After"]) <= 31


def test_a_form_without_its_token_is_refused(window, carol):
    for path in (
        "/login",
        "/signup",
        "/forgot",
        "/logout",
        "/invitations/inv_1",
        "/i/" + "x" * 43,
        "/verify/x",
        "/reset/x",
    ):
        answer = window.post_unseen(path, email="carol@corp.example", password=PASSWORD)
        assert answer.status_code == 403
        assert "Please send this form again" in answer.text


def test_a_form_from_another_site_is_refused(window, carol):
    text = window.open("/login").text
    token = text.partition('name="csrf_token" value="')[2].partition('"')[0]
    fields = {"csrf_token": token, "email": "carol@corp.example", "password": PASSWORD}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        assert window.http.post("/login", data=fields, headers=headers).status_code == 403
    # Without TLS the browser sends no origin for a page that sends no referrer.
    assert window.http.post("/login", data=fields, headers={"Origin": "null"}).status_code == 303


def test_carol_signs_out_and_the_session_is_over(window, carol):
    window.sign_in("carol@corp.example")
    session = window.http.get_cookie("usher").value
    assert window.send("/logout", seen_at="/").status_code == 303
    assert window.http.get_cookie("usher") is None
    window.http.set_cookie("usher", session)
    assert "Carol" not in window.open("/").text


def test_no_one_stays_signed_in_by_a_page_that_was_kept(window, carol):
    window.sign_in("carol@corp.example")
    assert window.open("/").headers["Cache-Control"] == "no-store"


def test_charlie_signs_up_proves_his_address_and_signs_in(window, world):
    answer = window.see("/signup", name="Charlie", email="charlie@other.example", password=PASSWORD)
    assert "charlie@other.example" in answer.text
    window.sign_in("charlie@other.example")
    assert "Send the link again" in window.open("/").text
    with world.sessions() as session:
        user = session.query(Signup).one()
    link = f"/verify/{derive(world.settings.secret_keys[0], Purpose.VERIFICATION, user.id, 1)}"
    for _ in range(20):
        assert window.open(link).status_code == 200
        assert window.http.head(link).status_code == 200
    assert "Send the link again" in window.open("/").text
    assert "charlie@other.example" in window.see(link).text
    assert "Send the link again" not in window.open("/").text


def test_a_scanner_that_presses_every_button_proves_nothing(window, world):
    window.send("/signup", name="Charlie", email="charlie@other.example", password=PASSWORD)
    with world.sessions() as session:
        signup = session.query(Signup).one()
    link = f"/verify/{derive(world.settings.secret_keys[0], Purpose.VERIFICATION, signup.id, 1)}"
    page = window.open(link).text
    assert "charlie@other.example" in page
    assert f'datetime="{signup.created_at:%Y-%m-%dT%H:%M}' in page
    assert "Charlie" not in page, "the name is a stranger's word until the address is proven"
    for fields in ({}, {"password": ""}, {"name": "", "new_password": ""}):
        assert window.send(link, **fields).status_code in {401, 422}
    with world.sessions() as session:
        assert session.query(User).count() == 0
    assert window.send(link, password="not this one").status_code == 401
    assert "Email confirmed" in window.see(link, password=PASSWORD).text
    assert window.sign_in("charlie@other.example").status_code == 303


def test_the_mailboxs_owner_chooses_a_password_on_the_page(window, world):
    window.send("/signup", name="Mallory", email="charlie@other.example", password="the stranger's own secret")
    with world.sessions() as session:
        signup = session.query(Signup).one()
    link = f"/verify/{derive(world.settings.secret_keys[0], Purpose.VERIFICATION, signup.id, 1)}"
    refused = window.send(link, name="Charlie", new_password="password123")
    assert refused.status_code == 422
    assert 'value="Charlie"' in refused.text
    assert "password123" not in refused.text
    assert "Email confirmed" in window.see(link, name="Charlie", new_password=PASSWORD).text
    assert window.sign_in("charlie@other.example", "the stranger's own secret").status_code == 401
    window.sign_in("charlie@other.example")
    assert "Charlie" in window.open("/").text


def test_a_link_that_no_one_sent_is_not_known(window):
    assert window.open("/verify/" + "x" * 43).status_code == 404


def test_a_refused_sign_up_loses_nothing_but_the_password(window, world):
    answer = window.send("/signup", name='"><b>Charlie', email="no address", password="short-1")
    assert answer.status_code == 422
    assert 'value="&#34;&gt;&lt;b&gt;Charlie"' in answer.text
    assert 'value="no address"' in answer.text
    assert "short-1" not in answer.text
    assert "At least 8 characters." in answer.text
    assert 'aria-describedby="password-hint password-error"' in answer.text


def test_an_address_that_is_known_gets_the_same_page(window, carol):
    known = window.see("/signup", name="Mallory", email="carol@corp.example", password=PASSWORD)
    fresh = window.see("/signup", name="Mallory", email="karol@corp.example", password=PASSWORD)
    assert known.text.replace("carol@", "karol@") == fresh.text


def test_carol_sets_a_new_password_by_the_link(window, world, carol):
    assert window.send("/forgot", email="carol@corp.example").status_code == 303
    link = f"/reset/{derive(world.settings.secret_keys[0], Purpose.PASSWORD_RESET, carol.id, 1)}"
    assert window.send(link, password="short").status_code == 422
    assert window.send(link, password="another fine password").status_code == 303
    assert window.open(link).status_code == 404
    assert window.sign_in("carol@corp.example").status_code == 401
    assert window.sign_in("carol@corp.example", "another fine password").status_code == 303


def test_asking_for_a_new_password_tells_no_one_who_is_known(window, carol):
    known = window.see("/forgot", email="carol@corp.example")
    assert known.text.replace("carol@", "karol@") == window.see("/forgot", email="karol@corp.example").text


def test_a_name_with_markup_is_shown_as_it_is(window, world, carol):
    world.change(User, carol.id, name="<script>alert(1)</script>")
    window.sign_in("carol@corp.example")
    text = window.open("/").text
    assert "<script>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def signed_up(world: World, window: Window, password: str = PASSWORD) -> str:
    """Sign Charlie up, and return the path of the link in the email."""
    window.send("/signup", name="Charlie", email="charlie@other.example", password=password)
    with world.sessions() as session:
        signup = session.scalars(select(Signup).order_by(Signup.id.desc())).first()
    return f"/verify/{derive(world.settings.secret_keys[0], Purpose.VERIFICATION, signup.id, 1)}"


def test_a_wrong_password_on_the_link_of_another_sign_up_says_what_to_do(world, window):
    link = signed_up(world, window)
    text = window.send(link, password="not the password").text
    assert "This password doesn&#39;t belong to this sign-up. Check your inbox for another email" in text
    assert "address or the password" not in text


def test_a_link_that_was_used_says_that_the_email_is_confirmed(world, window):
    link = signed_up(world, window)
    window.see(link, password=PASSWORD)
    page = window.open(link).text
    assert "Email confirmed" in page
    assert '<form method="post">' not in page


def test_the_link_of_another_sign_up_says_that_the_email_may_be_confirmed_already(world, window):
    link, other = signed_up(world, window), signed_up(world, window, "the secret of another")
    window.see(link, password=PASSWORD)
    assert "already confirmed this email with another link" in window.open(other).text
