"""The page behind an invitation's link, for every kind of visitor."""

from datetime import timedelta

import pytest
from sqlalchemy import MetaData, select

from shared.clock import now
from shared.models import AuditEvent, Contract, Invitation, Job, JobKind, Membership, Status
from shared.permissions import Role
from tests.web.conftest import PASSWORD

NEWCOMER = {"action": "accept", "name": "Bob Li", "password": PASSWORD}


@pytest.fixture
def invitation(world, alice, acme) -> str:
    return world.invited(acme, alice, "bob@corp.example", message="Welcome <script>alert(1)</script> to evil.example!")


@pytest.fixture
def link(world, invitation) -> str:
    return f"/i/{world.token(invitation)}"


@pytest.fixture
def here(invitation) -> str:
    """The invitation's page, in a browser that has opened the link."""
    return f"/invitations/{invitation}"


def everything(world) -> dict[str, list]:
    """Every row of every table."""
    tables = MetaData()
    with world.sessions() as session:
        tables.reflect(session.connection())
        return {name: sorted(map(repr, session.execute(select(table)))) for name, table in tables.tables.items()}


def test_looking_changes_nothing_however_often(world, window, link, here):
    before = everything(world)
    for _ in range(20):
        assert window.open(link).status_code == 303
        assert window.open(here).status_code == 200
        assert window.http.head(link).status_code == 303
        assert window.http.head(here).status_code == 200
    assert everything(world) == before


def test_the_link_leads_to_an_address_without_the_token(window, link, here):
    answer = window.open(link)
    assert (answer.status_code, answer.headers["Location"]) == (303, here)
    cookie = next(line for line in answer.headers.getlist("Set-Cookie") if line.startswith("usher_link_inv_"))
    assert "HttpOnly" in cookie
    assert "Max-Age=86400" in cookie
    page = window.open(here)
    assert link.removeprefix("/i/") not in page.text
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"


def test_the_page_shows_the_offer_and_the_inviter(window, link):
    text = window.open(link, follow_redirects=True).text
    for phrase in ("Acme", "Alice", "alice@corp.example", "developer", "view and edit settings", "b***@corp.example"):
        assert phrase in text
    assert "bob@corp.example" not in text
    assert '<time datetime="' in text


def test_a_message_is_shown_as_the_inviters_and_runs_nothing(window, link):
    text = window.open(link, follow_redirects=True).text
    assert "Alice wrote this to you:" in text
    assert "<script>" not in text
    assert "Welcome &lt;script&gt;alert(1)&lt;/script&gt; to evil. example!" in text


def test_without_a_link_the_page_says_where_to_look(window, here):
    answer = window.open(here)
    assert answer.status_code == 404
    assert "Open the link in your email again" in answer.text


@pytest.mark.parametrize(
    ("change", "status", "phrase"),
    [
        ({"status": Status.REVOKED}, 410, "withdrawn"),
        ({"status": Status.DECLINED}, 410, "declined"),
        ({"status": Status.EXPIRED}, 410, "expired"),
        ({"expires_at": now() - timedelta(seconds=1)}, 410, "expired"),
        ({"status": Status.ACCEPTED}, 410, "accepted before"),
        ({"status": Status.CHECKING}, 410, "being looked at"),
    ],
)
def test_a_dead_link_says_why(world, window, invitation, link, change, status, phrase, here):
    window.open(link)
    world.change(Invitation, invitation, **change)
    for answer in (window.open(here), window.send(link, seen_at="/login", **NEWCOMER)):
        assert answer.status_code == status
        assert phrase in answer.text


def test_a_link_that_was_never_sent_is_not_found(window):
    answer = window.open("/i/" + "x" * 43)
    assert answer.status_code == 404
    assert "perhaps part of it was cut off" in answer.text


def test_a_link_that_was_replaced_says_so(world, window, alice, acme, invitation, link):
    world.change(Invitation, invitation, resendable_at=now())
    assert alice.post(f"/v1/accounts/{acme}/invitations/{invitation}/resend").status_code == 202
    answer = window.open(link, follow_redirects=True)
    assert answer.status_code == 410
    assert "newest mail" in answer.text
    answer = window.send(link, action="ask")
    assert "Alice was asked" in window.open(answer.headers["Location"]).text


@pytest.mark.parametrize(
    "change",
    [
        {"status": Status.REVOKED},
        {"status": Status.DECLINED},
        {"status": Status.BLOCKED},
        {"expires_at": now() - timedelta(seconds=1)},
    ],
)
def test_the_page_of_a_dead_link_can_request_a_new_one_from_the_inviter(world, window, invitation, link, change, here):
    window.open(link)
    world.change(Invitation, invitation, **change)
    page = window.open(here)
    assert page.status_code == 410
    assert "Alice gets a mail that says you would still like to join Acme" in page.text
    assert link.removeprefix("/i/") not in page.text
    sent = window.send(here, action="ask")
    assert (sent.status_code, sent.headers["Location"]) == (303, f"{here}/asked")
    asked = window.open(f"{here}/asked")
    assert asked.status_code == 200
    assert "Alice was asked" in asked.text
    assert "If they agree, a mail with a new link comes" in asked.text
    page = window.open(here)
    assert page.status_code == 410
    assert "Alice was asked already." in page.text
    again = window.send(here, seen_at="/login", action="ask")
    assert again.status_code == 429
    assert int(again.headers["Retry-After"]) > 5 * 3600
    assert "Alice was asked already" in again.text
    with world.sessions() as session:
        kind = JobKind.NEW_LINK_MAIL
        assert session.scalars(select(Job.subject_id).where(Job.kind == kind)).all() == [invitation]


def test_asking_takes_a_form_of_ours(world, window, invitation, link):
    world.change(Invitation, invitation, status=Status.EXPIRED)
    assert window.post_unseen(link, action="ask").status_code == 403
    with world.sessions() as session:
        assert session.scalars(select(Job).where(Job.kind == JobKind.NEW_LINK_MAIL)).all() == []


def test_looking_at_a_dead_link_changes_nothing(world, window, invitation, link, here):
    world.change(Invitation, invitation, status=Status.EXPIRED)
    before = everything(world)
    for _ in range(5):
        assert window.open(link).status_code == window.http.head(link).status_code == 303
        assert window.open(here).status_code == window.http.head(here).status_code == 410
    assert everything(world) == before


def test_an_owner_who_replaces_the_inviter_is_not_named(world, window, alice, bob, acme):
    place = world.join(acme, bob, Role.ADMIN)
    link = f"/i/{world.token(world.invited(acme, bob, 'carol@corp.example'))}"
    assert alice.delete(f"/v1/accounts/{acme}/members/{place}").status_code == 204
    page = window.open(link, follow_redirects=True)
    asked = window.open(window.send(link, action="ask").headers["Location"])
    for text in (page.text, asked.text):
        assert "The owner of Acme" in text
        assert "Alice" not in text


def test_behind_a_link_that_was_accepted_there_is_nothing_to_ask_for(world, window, invitation, link):
    world.change(Invitation, invitation, status=Status.ACCEPTED)
    assert "Ask for a new one" not in window.open(link, follow_redirects=True).text
    assert window.send(link, seen_at="/login", action="ask").status_code == 410


def test_someone_new_signs_up_joins_and_is_signed_in(world, window, link, here):
    window.open(link)
    answer = window.send(here, **NEWCOMER)
    assert answer.status_code == 303
    page = window.open(answer.headers["Location"])
    assert "You have joined Acme in the role developer." in page.text
    assert "Bob Li" in page.text


def test_the_link_itself_takes_the_form_too(window, link):
    assert window.send(link, **NEWCOMER).status_code == 303


def test_a_refused_form_keeps_the_name_and_shows_what_is_wrong(world, window, invitation, link, here):
    window.open(link)
    answer = window.send(here, action="accept", name="Bob Li", password="short")
    assert answer.status_code == 422
    assert 'value="Bob Li"' in answer.text
    assert "At least 8 characters." in answer.text
    answer = window.send(here, action="accept", name="  ", password=PASSWORD)
    assert "Must not be empty." in answer.text
    with world.sessions() as session:
        assert session.get_one(Invitation, invitation).status == Status.PENDING


def test_a_form_without_a_choice_changes_nothing(window, link, here):
    window.open(link)
    assert window.send(here, action="something").status_code == 422


def test_an_invitee_with_a_user_signs_in_and_comes_back(world, window, alice, acme, carol):
    invitation = world.invited(acme, alice, "carol@corp.example")
    here = f"/invitations/{invitation}"
    window.open(f"/i/{world.token(invitation)}")
    page = window.open(here)
    assert "Sign in to join" in page.text
    assert "Choose a password" not in page.text
    refused = window.send(here, action="accept", name="Mallory", password=PASSWORD)
    assert refused.status_code == 401
    assert window.sign_in("carol@corp.example", next=here).headers["Location"] == here
    assert "Join Acme</button>" in window.open(here).text
    answer = window.send(here, action="accept")
    assert "You have joined Acme" in window.open(answer.headers["Location"]).text


def test_the_wrong_person_sees_both_addresses_masked_and_spends_nothing(world, window, link, invitation, carol, here):
    window.sign_in("carol@corp.example")
    page = window.open(link, follow_redirects=True).text
    assert "b***@corp.example" in page
    assert "c***@corp.example" in page
    assert "bob@corp.example" not in page
    assert "carol@corp.example" not in page
    refused = window.send(here, action="accept")
    assert refused.status_code == 409
    assert window.send("/logout", seen_at=here, next=here).headers["Location"] == here
    assert "Create account and join" in window.open(here).text
    with world.sessions() as session:
        assert session.get_one(Invitation, invitation).status == Status.PENDING


def test_declining_spends_the_link_and_keeps_the_reason(world, window, invitation, link, here):
    window.open(link)
    answer = window.send(here, action="decline", reason="I have left.", report_abuse="true")
    assert answer.status_code == 303
    assert "You have declined" in window.open(answer.headers["Location"]).text
    assert window.open(here).status_code == 410
    with world.sessions() as session:
        row = session.get_one(Invitation, invitation)
        event = session.scalars(select(AuditEvent).where(AuditEvent.action == "invitation.declined")).one()
    assert (row.status, row.decline_reason, event.data["report_abuse"]) == (Status.DECLINED, "I have left.", True)


def test_declining_needs_no_reason(world, window, invitation, link, here):
    window.open(link)
    assert window.send(here, action="decline", reason="").status_code == 303
    with world.sessions() as session:
        assert session.get_one(Invitation, invitation).decline_reason is None


def test_an_account_that_may_not_grow_says_so_and_the_link_still_works(world, window, acme, invitation, link, here):
    world.change(Contract, acme, amount=1)
    window.open(link)
    answer = window.send(here, **NEWCOMER)
    assert answer.status_code == 409
    assert "your link still holds" in answer.text
    assert 'value="Bob Li"' in answer.text
    with world.sessions() as session:
        assert session.scalars(select(Membership.role)).all() == ["owner"]


def test_an_account_with_markup_in_its_name_runs_nothing(world, window, alice):
    account = world.account(alice, "<img src=x onerror=alert(1)>")
    text = window.open(
        f"/i/{world.token(world.invited(account, alice, 'bob@corp.example'))}", follow_redirects=True
    ).text
    assert "<img src=x" not in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text
