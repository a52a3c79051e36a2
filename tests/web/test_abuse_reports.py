"""Abuse reports of recipients: the operator sees them, and the third one puts the account's invitations on hold."""

from sqlalchemy import select

from shared.models import Account, Invitation, Job, JobKind, JobState, Status
from shared.permissions import Role


def reported_by(world, account: str, alice, *emails: str) -> None:
    ids = [world.invited(account, alice, email) for email in emails]
    for each in ids:
        with world.sessions.begin() as session:
            job = session.scalars(select(Job).where(Job.subject_id == each, Job.kind == JobKind.INVITATION_MAIL)).one()
            job.state, job.finished_at = JobState.DONE, job.created_at
            session.get_one(Invitation, each).delivery = "sent"
        words = {"token": world.token(each), "report_abuse": True, "reason": "Spam."}
        assert world.nobody.post("/v1/invitations/decline", words).status_code == 204


def status(world, invitation_id: str) -> str:
    with world.sessions() as session:
        return session.get_one(Invitation, invitation_id).status


def test_the_third_reporter_holds_new_invitations_until_the_operator_decides(world, alice, acme, operator):
    reported_by(world, acme, alice, "a@corp.example", "b@corp.example")
    assert status(world, world.invited(acme, alice, "fine@corp.example")) == Status.PENDING
    reported_by(world, acme, alice, "c@corp.example")
    held = world.invited(acme, alice, "next@corp.example")
    assert status(world, held) == Status.HELD
    shown = alice.get(f"/v1/accounts/{acme}/invitations/{held}").json
    codes = [reason["code"] for check in shown["checks"] for reason in check["reasons"]]
    assert codes == ["abuse_reported"]
    assert "abuse_reported" in alice.get(f"/v1/accounts/{acme}/eligibility").text
    body = {"email": "d@corp.example", "role": "support"}
    tried = alice.post(f"/v1/accounts/{acme}/invitations/check", body).json
    assert tried["verdict"] == "hold"

    reports = operator.get(f"/v1/abuse-reports?account_id={acme}&state=open").json["data"]
    assert [each["email"] for each in reports] == ["c@corp.example", "b@corp.example", "a@corp.example"]
    assert reports[0]["account_held_at"]
    assert "usher_abuse_reports_open 3.0" in operator.get("/metrics").text
    assert "usher_accounts_held 1.0" in operator.get("/metrics").text

    path = f"/v1/accounts/{acme}/abuse-reports/decide"
    decided = operator.post(path, {"decision": "clear", "reason": "Colleagues who misread the page."})
    assert decided.json == {"account_id": acme, "account_held_at": None}
    world.check(held)
    assert status(world, held) == Status.PENDING
    assert operator.get("/v1/abuse-reports?state=open").json["data"] == []
    assert operator.get("/v1/abuse-reports?state=decided").json["data"][0]["decision"] == "clear"


def test_one_person_who_reports_three_times_counts_once(world, alice, acme):
    reported_by(world, acme, alice, "a+1@corp.example", "a+2@corp.example", "a@corp.example")
    with world.sessions() as session:
        assert session.get_one(Account, acme).abuse_held_at is None


def test_what_was_not_mailed_yet_is_held_too_and_mailed_once_after_all(world, alice, acme, operator):
    waiting = world.invited(acme, alice, "waiting@corp.example")
    reported_by(world, acme, alice, "a@corp.example", "b@corp.example", "c@corp.example")
    assert status(world, waiting) == Status.HELD
    path = f"/v1/accounts/{acme}/abuse-reports/decide"
    assert operator.post(path, {"decision": "keep", "reason": "Phishing."}).json["account_held_at"]
    world.check(waiting)
    assert status(world, waiting) == Status.HELD
    assert operator.post(path, {"decision": "clear", "reason": "The account was cleaned up."}).status_code == 200
    world.check(waiting)
    with world.sessions() as session:
        emails = select(Job.state).where(Job.subject_id == waiting, Job.kind == JobKind.INVITATION_MAIL)
        assert sorted(session.scalars(emails)) == [JobState.CANCELLED, JobState.QUEUED]


def test_a_reported_accounts_owner_does_not_decide_about_it(world, alice, acme, operator):
    admin = world.person("admin@corp.example")
    world.join(acme, admin, Role.ADMIN)
    reported_by(world, acme, alice, "a@corp.example", "b@corp.example", "c@corp.example")
    held = world.invited(acme, alice, "next@corp.example")
    path = f"/v1/accounts/{acme}/invitations/{held}/release"
    assert alice.post(path, {"reason": "I know them."}).status_code == 403
    assert alice.get("/v1/abuse-reports").status_code == 403
    assert operator.post(path, {"reason": "They do."}).status_code == 200
