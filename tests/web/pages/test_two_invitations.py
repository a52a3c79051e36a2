"""Several invitations open in one browser, and pages open for long: each form acts on the invitation of its page."""

import re

import pytest
from sqlalchemy import select

from shared.models import Invitation, Membership, Status, User
from tests.web.conftest import PASSWORD
from tests.web.pages.conftest import Window
from web.ui import opened_links

NEWCOMER = {"action": "accept", "name": "Bob Li", "password": PASSWORD}


class Open:
    """An invitation whose link was opened in a tab, and the form on its page."""

    def __init__(self, world, window: Window, account: str, by, email: str) -> None:
        self.id = world.invited(account, by, email)
        self.window, self.link = window, f"/i/{world.token(self.id)}"
        self.page = window.open(self.link, follow_redirects=True).text

    def press(self, action: str, **fields: str):
        """Submit the form as the page showed it when it was opened."""
        forms = re.findall(r"<form.*?</form>", self.page, re.DOTALL)
        form = next(form for form in forms if f'value="{action}"' in form)
        token = re.search(r'name="csrf_token" value="([^"]+)"', form)[1]
        return self.window.post_unseen(
            re.search(r'action="([^"]+)"', form)[1], csrf_token=token, action=action, **fields
        )


@pytest.fixture
def first(world, window, alice, acme) -> Open:
    return Open(world, window, acme, alice, "bob@corp.example")


@pytest.fixture
def second(world, window, charlie, first) -> Open:
    return Open(world, window, world.account(charlie, "Zenith"), charlie, "bob@corp.example")


def status(world, invitation: Open) -> str:
    with world.sessions() as session:
        return session.get_one(Invitation, invitation.id).status


def test_of_two_open_invitations_the_one_on_the_page_is_accepted(world, acme, first, second):
    assert first.press(**NEWCOMER).headers["Location"] == f"/?joined={acme}"
    assert (status(world, first), status(world, second)) == (Status.ACCEPTED, Status.PENDING)


def test_of_two_open_invitations_the_one_on_the_page_is_declined(world, first, second):
    assert first.press("decline").status_code == 303
    assert (status(world, first), status(world, second)) == (Status.DECLINED, Status.PENDING)


def test_of_two_dead_invitations_the_one_on_the_page_is_asked_for(world, window, first, second):
    for each in (first, second):
        world.change(Invitation, each.id, status=Status.EXPIRED)
        each.page = window.open(f"/invitations/{each.id}").text
    answer = first.press("ask")
    assert "Alice was asked" in window.open(answer.headers["Location"]).text
    assert "was asked already" in window.open(f"/invitations/{first.id}").text
    assert "was asked already" not in window.open(f"/invitations/{second.id}").text


def test_both_of_two_open_invitations_are_accepted_by_someone_new(world, first, second):
    assert first.press(**NEWCOMER).status_code == 303
    assert second.press(**NEWCOMER).status_code == 303
    with world.sessions() as session:
        assert session.query(User).where(User.email_key == "bob@corp.example").count() == 1
        roles = session.scalars(select(Membership.role)).all()
    assert sorted(roles) == ["developer", "developer", "owner", "owner"]


def test_signing_in_for_one_invitation_leaves_the_other_page_as_it_is(world, window, alice, acme, carol, charlie):
    zenith = world.account(charlie, "Zenith")
    first = Open(world, window, acme, alice, "carol@corp.example")
    second = Open(world, window, zenith, charlie, "carol@corp.example")
    page = f"/invitations/{first.id}"
    assert window.sign_in("carol@corp.example", next=page).headers["Location"] == page
    first.page, second.page = window.open(page).text, window.open(f"/invitations/{second.id}").text
    assert "Join Zenith</button>" in second.page
    assert first.press("accept").headers["Location"] == f"/?joined={acme}"
    assert second.press("accept").headers["Location"] == f"/?joined={zenith}"


def test_an_invitations_address_opens_nothing_in_another_browser(world, first):
    stranger = Window(world.app.test_client())
    answer = stranger.open(f"/invitations/{first.id}")
    assert answer.status_code == 404
    assert "Acme" not in answer.text
    assert stranger.send(f"/invitations/{first.id}", seen_at="/login", **NEWCOMER).status_code == 404
    assert status(world, first) == Status.PENDING


def test_a_cookie_of_another_invitation_opens_nothing(world, window, first, second):
    token = window.http.get_cookie(f"usher_link_{second.id}").value
    window.http.set_cookie(f"usher_link_{first.id}", token)
    assert first.press(**NEWCOMER).status_code == 404
    assert (status(world, first), status(world, second)) == (Status.PENDING, Status.PENDING)


def test_no_page_of_an_invitation_holds_its_token(world, window, first):
    token = first.link.removeprefix("/i/")
    assert token not in first.page
    refused = first.press("accept", name="Bob Li", password="short")
    assert refused.status_code == 422
    assert token not in refused.text
    world.change(Invitation, first.id, status=Status.REVOKED)
    answer = window.open(first.link)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/invitations/{first.id}")
    assert token not in window.open(f"/invitations/{first.id}").text


def test_what_was_typed_on_a_page_that_grew_old_is_kept(world, window, first):
    window.http.delete_cookie(f"usher_link_{first.id}")
    stale = first.press(**NEWCOMER)
    assert stale.status_code == 404
    assert "We kept what you typed, except the password." in stale.text
    assert 'value="Bob Li"' in stale.text
    assert PASSWORD not in stale.text
    assert status(world, first) == Status.PENDING
    first.page = stale.text
    window.open(first.link)
    assert first.press(**NEWCOMER).status_code == 303
    assert status(world, first) == Status.ACCEPTED


def test_what_was_typed_is_kept_after_all_cookies_were_deleted(world, window, first):
    for name in ("usher_form", f"usher_link_{first.id}"):
        window.http.delete_cookie(name)
    stale = first.press(**NEWCOMER)
    assert stale.status_code == 403
    assert "Open the link in your email again" in stale.text
    assert "We kept what you typed, except the password." in stale.text
    assert 'value="Bob Li"' in stale.text
    assert PASSWORD not in stale.text
    first.page = stale.text
    window.open(first.link)
    assert first.press(**NEWCOMER).status_code == 303
    assert status(world, first) == Status.ACCEPTED


def test_a_form_of_another_site_gets_no_page_to_go_on_with(window, first):
    answer = window.http.post(
        f"/invitations/{first.id}",
        data={"csrf_token": "x.y", "name": "Mallory", "action": "accept"},
        headers={"Accept": "text/html", "Sec-Fetch-Site": "cross-site"},
    )
    assert answer.status_code == 403
    assert "Mallory" not in answer.text


def test_a_reason_typed_on_a_page_that_grew_old_is_kept(world, window, first):
    window.http.delete_cookie(f"usher_link_{first.id}")
    stale = first.press("decline", reason="I have left the company.", report_abuse="true")
    assert "I have left the company." in stale.text
    assert 'name="report_abuse" value="true" checked' in stale.text
    assert status(world, first) == Status.PENDING


def test_the_page_of_an_invitation_works_for_a_day(world, first):
    kept = first.window.http.get_cookie(f"usher_link_{first.id}")
    form = first.window.http.get_cookie("usher_form")
    assert kept.max_age == opened_links.KEPT == 24 * 60 * 60
    assert form.max_age >= kept.max_age


def test_a_browser_keeps_the_links_of_a_few_invitations_only(world, window, alice, acme):
    opened = [Open(world, window, acme, alice, f"p{n}@corp.example") for n in range(opened_links.MOST + 3)]
    kept = [each for each in opened if window.http.get_cookie(f"usher_link_{each.id}")]
    assert kept == opened[3:]
    assert opened[-1].press("decline").status_code == 303


def test_accepting_again_leads_to_the_account(world, window, acme, first):
    assert first.press(**NEWCOMER).headers["Location"] == f"/?joined={acme}"
    for _ in range(2):
        assert first.press(**NEWCOMER).headers["Location"] == f"/?joined={acme}"
    answer = window.open(f"/invitations/{first.id}")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/accounts/{acme}")


def test_declining_twice_shows_the_same_page(window, first):
    answers = [first.press("decline", reason="Not me") for _ in range(2)]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    assert "You have declined" in window.open(answers[1].headers["Location"]).text


def test_what_came_of_a_form_is_shown_in_no_other_browser(world, first):
    where = first.press("decline").headers["Location"]
    assert Window(world.app.test_client()).open(where).status_code == 404
