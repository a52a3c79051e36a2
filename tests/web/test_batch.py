"""Batches of invitations: each row has its own result, and a bad row doesn't affect the others."""

from sqlalchemy import func, select

from shared.models import AuditEvent, Invitation, Job
from shared.permissions import Role


def post(who, account: str, rows: list, **headers: str):
    return who.post(f"/v1/accounts/{account}/invitations/batch", {"invitations": rows}, **headers)


def test_good_rows_are_invited_and_bad_ones_say_why(world, alice, acme):
    world.invited(acme, alice, "open@corp.example")
    rows = [
        {"email": "a@corp.example", "role": "developer", "message": "Hi", "expires_in_hours": 5},
        {"email": "b@gmail.com", "role": "developer"},
        {"email": "nonsense", "role": "developer"},
        {"email": "A@corp.example", "role": "support"},
        {"email": "alice@corp.example", "role": "support"},
        {"email": "open@corp.example", "role": "support"},
        {"email": "c@corp.example", "role": "owner"},
        {"email": "d@corp.example", "role": "king"},
        {"email": "e@corp.example"},
        "not even an object",
        {"email": "f@corp.example", "role": "support", "admin": True},
        {"email": "g@corp.example", "role": "admin"},
    ]
    answer = post(alice, acme, rows)
    assert answer.status_code == 207
    results = answer.json["results"]
    assert [result["index"] for result in results] == list(range(len(rows)))
    assert [(result["status"], result["code"]) for result in results] == [
        (202, None),
        (422, "domain_personal"),
        (422, "email_invalid"),
        (422, "already_invited"),
        (422, "already_member"),
        (422, "already_invited"),
        (422, "role_not_assignable"),
        (422, "validation_failed"),
        (422, "validation_failed"),
        (422, "validation_failed"),
        (422, "validation_failed"),
        (202, None),
    ]
    assert results[1]["reasons"][0]["remedy"]
    assert results[7]["errors"][0]["field"] == "role"
    assert results[0]["invitation"]["message"] == "Hi"
    invitations = alice.get(f"/v1/accounts/{acme}/invitations").json["data"]
    assert {row["email"] for row in invitations} == {"a@corp.example", "g@corp.example", "open@corp.example"}


def test_a_thousand_rows_are_a_thousand_invitations_with_their_jobs_and_events(world, alice, acme):
    rows = [{"email": f"guest{n}@corp.example", "role": "support"} for n in range(1000)]
    answer = post(alice, acme, rows)
    assert {result["status"] for result in answer.json["results"]} == {202}
    shown = [result["invitation"]["email"] for result in answer.json["results"]]
    assert shown == [row["email"] for row in rows]
    with world.sessions() as session:
        for what in (Invitation, Job):
            assert session.scalar(select(func.count()).select_from(what)) == 1000
        created = select(func.count()).select_from(AuditEvent).where(AuditEvent.action == "invitation.created")
        assert session.scalar(created) == 1000
    assert {result["code"] for result in post(alice, acme, rows).json["results"]} == {"already_invited"}


def test_too_many_none_and_no_right(world, alice, bob, charlie, acme):
    row = {"email": "a@corp.example", "role": "support"}
    assert post(alice, acme, [row] * 1001).status_code == 422
    assert post(alice, acme, []).status_code == 422
    world.join(acme, bob, Role.SUPPORT)
    assert post(bob, acme, [row]).status_code == 403
    assert post(charlie, acme, [row]).status_code == 404


def test_the_same_batch_under_one_key_is_answered_again(alice, acme):
    rows = [{"email": f"guest{n}@corp.example", "role": "support"} for n in range(3)]
    first, again = (post(alice, acme, rows, Idempotency_Key="k") for _ in range(2))
    assert (first.status_code, again.status_code) == (207, 207)
    assert again.data == first.data
