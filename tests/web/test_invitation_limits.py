"""No one can flood others with invitations: every limit is exact, and says when it resets and who can raise it."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select, update

from shared import policy_context
from shared.jobs import queue
from shared.models import Account, Invitation, InvitedRecipient, Job, JobKind, Status
from shared.permissions import Role
from shared.screening import screen
from tests.web.conftest import Caller

LIMITS = {
    "invitations_per_hour": 1000,
    "invitations_per_day": 1000,
    "open_invitations": 1000,
    "new_domains_per_day": 1000,
    "inviter_per_hour": 1000,
}


def limit(world, account: str, **limits: int) -> None:
    world.change(Account, account, invitation_limits=LIMITS | limits)


def invite(who: Caller, account: str, email: str):
    return who.post(f"/v1/accounts/{account}/invitations", {"email": email, "role": "developer"})


def batch(who: Caller, account: str, emails: list[str]) -> Counter[int]:
    rows = [{"email": email, "role": "support"} for email in emails]
    answer = who.post(f"/v1/accounts/{account}/invitations/batch", {"invitations": rows})
    return Counter(result["status"] for result in answer.json["results"])


def rows(world, *where) -> int:
    with world.sessions() as session:
        return session.scalar(select(func.count()).select_from(Invitation).where(*where)) or 0


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json["code"]


@pytest.mark.parametrize(
    "name", ["invitations_per_hour", "invitations_per_day", "open_invitations", "inviter_per_hour"]
)
def test_fifty_at_once_send_as_many_as_the_limit_allows_and_not_one_more(world, alice, acme, name):
    limit(world, acme, **{name: 37})
    world.invited(acme, alice, "first@corp.example")

    def some(number: int) -> int:
        who = Caller(world.app.test_client(), alice.token)
        if number % 3:
            return invite(who, acme, f"one{number}@corp.example").status_code == 202
        return batch(who, acme, [f"many{number}.{each}@corp.example" for each in range(3)])[202]

    with ThreadPoolExecutor(50) as threads:
        sent = sum(threads.map(some, range(50)))
    assert 1 + sent == 37 == rows(world)
    assert code(invite(alice, acme, "last@corp.example")) == (429, "invitation_limit")


def test_resends_and_retries_under_a_key_count_like_invitations(world, alice, acme):
    limit(world, acme, invitations_per_day=10)
    ids = [world.invited(acme, alice, f"guest{each}@corp.example") for each in range(4)]
    for each in ids:
        world.change(Invitation, each, resendable_at=world.at(each))
    path = f"/v1/accounts/{acme}/invitations"

    def some(number: int) -> int:
        who = Caller(world.app.test_client(), alice.token)
        if number % 2:
            return who.post(f"{path}/{ids[number % 4]}/resend").status_code
        body = {"email": f"new{number}@corp.example", "role": "support"}
        return who.post(path, body, Idempotency_Key=f"key{number}").status_code

    with ThreadPoolExecutor(50) as threads:
        answers = Counter(threads.map(some, range(50)))
    with world.sessions() as session:
        sent = session.scalar(select(func.sum(Invitation.generation)))
    assert answers[202] == 6
    assert sent == 10


def begin_emails(world) -> None:
    """Have a worker take every job there is."""
    with world.sessions.begin() as session:
        session.execute(update(Job).values(worker="a worker", attempts=1, state="done"))


def queue_email(world, invitation_id: str) -> None:
    """Leave the invitation as its checks do."""
    policy = policy_context.load(world.settings)
    with world.sessions.begin() as session:
        assert screen.screen(session, policy=policy, invitation_ids=[invitation_id])


def counts(world) -> list[int]:
    with world.sessions() as session:
        return list(session.scalars(select(InvitedRecipient.count)))


def revoke(who: Caller, account: str, invitation_id: str) -> int:
    return who.post(f"/v1/accounts/{account}/invitations/{invitation_id}/revoke").status_code


def test_inviting_and_revoking_in_a_loop_emails_one_person_only_so_often(world, alice, acme):
    other = world.account(world.person("eve@other.example"), "Other")
    eve = world.person("eva@other.example")
    world.join(other, eve, Role.ADMIN)
    answers = []
    for number in range(15):
        who, account = (alice, acme) if number % 2 else (eve, other)
        answer = invite(who, account, f"victim+{number}@third.example")
        answers.append(answer.status_code)
        if answer.status_code == 202:
            queue_email(world, answer.json["id"])
            begin_emails(world)
            assert revoke(who, account, answer.json["id"]) == 200
    assert answers == [202] * 10 + [429] * 5
    refused = invite(alice, acme, "victim@third.example")
    assert "10 invitation emails a day across all accounts and has been sent that many" in refused.json["detail"]
    assert counts(world) == [10]


def test_no_one_blocks_an_address_for_all_accounts_without_any_email_sent(world, alice, bob, acme):
    other = world.account(bob, "Other")
    for queued in (False, True):
        for number in range(10):
            answer = invite(alice, acme, f"carol+{number}@third.example")
            assert answer.status_code == 202
            if queued:
                queue_email(world, answer.json["id"])
            assert revoke(alice, acme, answer.json["id"]) == 200
    assert counts(world) == [0]
    assert invite(bob, other, "carol@third.example").status_code == 202


def test_a_revoked_invitation_gives_back_only_what_the_running_day_counted(world, alice, acme):
    first = invite(alice, acme, "carol@third.example").json["id"]
    with world.sessions.begin() as session:
        session.execute(update(InvitedRecipient).values(day_ends_at=func.now()))
    second = invite(alice, acme, "carol+2@third.example").json["id"]
    assert counts(world) == [1]
    assert revoke(alice, acme, first) == 200
    assert counts(world) == [1]
    assert revoke(alice, acme, second) == 200
    assert revoke(alice, acme, second) == 409
    assert counts(world) == [0]


def test_what_the_checks_block_counts_for_no_one(world, alice, acme, operator):
    invitation = invite(alice, acme, "carol@third.example").json["id"]
    body = {"effect": "block", "subject": "domain", "value": "third.example", "reason": "a test"}
    assert operator.post("/v1/exceptions", body).status_code == 201
    queue_email(world, invitation)
    assert alice.get(f"/v1/accounts/{acme}/invitations/{invitation}").json["status"] == "blocked"
    assert counts(world) == [0]


def test_an_email_that_a_worker_begins_while_its_invitation_is_revoked_counts(world, alice, acme):
    def some(number: int) -> tuple[bool, bool]:
        who = Caller(world.app.test_client(), alice.token)
        invitation = invite(who, acme, f"carol+{number}@third.example").json["id"]
        queue_email(world, invitation)
        with ThreadPoolExecutor(2) as both:
            begun = both.submit(begin_email, world, invitation)
            assert both.submit(revoke, who, acme, invitation).result() == 200
            return begun.result()

    with ThreadPoolExecutor(5) as threads:
        found = list(threads.map(some, range(10)))
    assert sum(sent for _, sent in found) <= counts(world)[0] <= sum(taken for taken, _ in found)


def begin_email(world, invitation_id: str) -> tuple[bool, bool]:
    """Take the email's job as a worker does; returns whether it was free, and whether the invitation still stood."""
    with world.sessions() as session:
        ids = list(session.scalars(select(Job.id).where(Job.subject_id == invitation_id)))
    with world.sessions.begin() as session:
        taken = queue.claim(session, ids, kinds=[JobKind.INVITATION_MAIL], owner="a worker")
    with world.sessions() as session:
        return bool(taken), bool(taken) and session.get_one(Invitation, invitation_id).status == Status.PENDING


def test_a_limit_is_an_exact_multiple_of_the_commitment(alice, acme):
    limits = alice.get(f"/v1/accounts/{acme}/limits").json["limits"]
    assert limits["invitations_per_day"] == 4000


def test_a_batch_and_an_import_that_a_limit_refuses_say_when_to_come_back(world, alice, acme):
    limit(world, acme, invitations_per_hour=1)
    assert invite(alice, acme, "a@corp.example").status_code == 202
    rows = [{"email": f"guest{number}@corp.example", "role": "support"} for number in range(2)]
    path = f"/v1/accounts/{acme}/invitations"
    for answer in (
        alice.post(f"{path}/batch", {"invitations": rows}),
        alice.post(f"{path}/import", {"rows": rows}),
    ):
        assert [each["status"] for each in answer.json["results"]] == [429, 429]
        assert 3500 < int(answer.headers["Retry-After"]) <= 3600
        assert answer.headers["RateLimit"].startswith('"hour";r=0;t=')
        assert answer.headers["RateLimit-Policy"].startswith('"hour";q=1;w=3600')


def test_an_import_says_what_is_left(world, alice, acme):
    limit(world, acme, invitations_per_hour=5)
    answer = alice.post(
        f"/v1/accounts/{acme}/invitations/import", {"rows": [{"email": "a@corp.example", "role": "admin"}]}
    )
    assert answer.headers["RateLimit"].startswith('"hour";r=4;t=3600')
    assert "Retry-After" not in answer.headers


def test_dots_and_tags_at_gmail_are_the_same_person(world, alice, acme, operator):
    body = {"effect": "allow", "subject": "domain", "value": "gmail.com", "reason": "a test"}
    assert operator.post("/v1/exceptions", body).status_code == 201
    spellings = ["j.doe@gmail.com", "jdoe+a@gmail.com", "JDoe@gmail.com", "jd.oe+b@googlemail.com", "j.d.o.e@gmail.com"]
    for each in spellings[:3]:
        invite(alice, acme, each)
    with world.sessions() as session:
        assert session.scalars(select(InvitedRecipient.count)).all() == [3]


def test_one_key_reaches_only_so_many_foreign_domains(world, alice, acme):
    key = world.api_key(acme, alice, Role.ADMIN)
    emails = [f"guest{number}@foreign{number % 50}.example" for number in range(1000)]
    assert batch(key, acme, emails)[202] < 300
    with world.sessions() as session:
        found = session.scalars(select(Invitation.email)).all()
    assert len({email.partition("@")[2] for email in found}) == 13  # 10 at 750 USD. Acme has committed 1,000.


def test_a_new_customer_invites_a_thousand_colleagues_on_the_first_day(alice, acme):
    assert batch(alice, acme, [f"colleague{number}@corp.example" for number in range(1000)]) == {202: 1000}


def test_rows_within_the_limit_go_and_the_others_say_why_and_when_and_who_helps(world, alice, acme):
    limit(world, acme, invitations_per_hour=3)
    path = f"/v1/accounts/{acme}/invitations"
    sent = [{"email": f"guest{number}@corp.example", "role": "support"} for number in range(5)]
    results = alice.post(f"{path}/batch", {"invitations": sent}).json["results"]
    assert [result["status"] for result in results] == [202, 202, 202, 429, 429]
    assert results[3]["code"] == "invitation_limit"
    (reason,) = results[3]["reasons"]
    assert "3 invitations an hour" in reason["message"]
    assert "`invitations_per_hour`" in reason["remedy"]
    assert "UTC" in reason["remedy"]
    assert reason["who"] == "operator"


def test_every_answer_says_what_is_left(world, alice, acme):
    limit(world, acme, invitations_per_hour=2, invitations_per_day=5)
    first = invite(alice, acme, "a@corp.example")
    assert first.headers["RateLimit-Policy"] == '"hour";q=2;w=3600, "day";q=5;w=86400, "inviter";q=1000;w=3600'
    assert first.headers["RateLimit"].startswith('"hour";r=1;t=36')
    second = invite(alice, acme, "b@corp.example")
    assert second.headers["RateLimit"].startswith('"hour";r=0;t=')
    third = invite(alice, acme, "c@corp.example")
    assert third.status_code == 429
    assert 3500 < int(third.headers["Retry-After"]) <= 3600
    assert third.headers["RateLimit"].startswith('"hour";r=0;t=')


def test_the_dry_run_the_eligibility_and_the_page_say_it_before(world, alice, acme):
    limit(world, acme, invitations_per_day=2)
    path = f"/v1/accounts/{acme}"
    asked = {"invitations": [{"email": f"guest{each}@corp.example", "role": "support"} for each in range(3)]}
    tried = alice.post(f"{path}/invitations/check", asked).json["results"]
    assert [each["verdict"] for each in tried] == ["allow", "allow", "deny"]
    assert tried[2]["reasons"][0]["code"] == "invitation_limit"
    assert alice.get(f"{path}/eligibility").json["eligible"]
    batch(alice, acme, ["a@corp.example", "b@corp.example"])
    answer = alice.get(f"{path}/eligibility").json
    assert (answer["eligible"], [each["code"] for each in answer["reasons"]]) == (False, ["invitation_limit"])


def test_a_closed_invitation_makes_room_for_an_open_one_but_not_for_another_of_the_day(world, alice, acme):
    limit(world, acme, open_invitations=2, invitations_per_day=4)
    ids = [world.invited(acme, alice, f"guest{number}@corp.example") for number in range(2)]
    assert code(invite(alice, acme, "third@corp.example")) == (429, "invitation_limit")
    for each in ids:
        assert alice.post(f"/v1/accounts/{acme}/invitations/{each}/revoke").status_code == 200
    assert invite(alice, acme, "third@corp.example").status_code == 202
    assert invite(alice, acme, "fourth@corp.example").status_code == 202
    world.change(Invitation, ids[0], status=Status.REVOKED)
    assert code(invite(alice, acme, "fifth@corp.example")) == (429, "invitation_limit")


def test_one_person_is_counted_over_all_their_accounts(world, alice, acme):
    second = world.account(alice, "Second")
    for account in (acme, second):
        limit(world, account, inviter_per_hour=4)
    assert batch(alice, acme, [f"a{number}@corp.example" for number in range(3)]) == {202: 3}
    assert batch(alice, second, [f"b{number}@corp.example" for number in range(3)]) == {202: 1, 429: 2}


def test_the_operator_raises_and_lowers_an_accounts_limits(alice, bob, acme, operator):
    path = f"/v1/accounts/{acme}/limits"
    assert alice.get(path).json["limits"]["invitations_per_hour"] == 1600
    assert alice.put(path, {"invitations_per_hour": 9}).status_code == 403
    assert bob.get(path).status_code == 404
    set_to = operator.put(path, {"invitations_per_hour": 1})
    assert set_to.json["overrides"] == {"invitations_per_hour": 1}
    assert batch(alice, acme, ["a@corp.example", "b@corp.example"]) == {202: 1, 429: 1}
    operator.put(path, {"invitations_per_hour": 2})
    assert invite(alice, acme, "b@corp.example").status_code == 202
    assert alice.get(path).json["used"]["invitations_per_hour"] == 2
    assert operator.put("/v1/accounts/acc_none/limits", {}).status_code == 404
