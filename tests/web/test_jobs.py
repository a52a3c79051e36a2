"""Jobs through the API: the operator sees all and may act, an account sees its own, a stranger none."""

import pytest

from shared.db.transaction import transaction
from shared.jobs import dispatch, heartbeats, mail_pauses, queue
from shared.mail import results, suppressions
from shared.models import Delivery, Invitation, Job, JobKind, JobState, Part
from shared.permissions import Role
from tests.web.conftest import Caller, World


def only_job(world: World, kind: JobKind = JobKind.INVITATION_MAIL) -> Job:
    with world.sessions() as session:
        return session.query(Job).where(Job.kind == kind).one()


def fail(world: World, *, delivery: Delivery = Delivery.FAILED) -> str:
    """Make the only email fail, as a worker would. Returns the id of its job."""
    job = only_job(world)
    with transaction(world.sessions) as session:
        assert queue.claim(session, [job.id], kinds=list(JobKind), owner="host/1/1")
        results.fail(session, job, delivery=delivery, why="The mail server said no.")
    return job.id


def test_the_operator_sees_each_job_with_its_invitation_and_what_went_wrong(world: World, operator, acme, alice):
    invitation = world.invited(acme, alice, "bob@corp.example")
    job_id = fail(world)
    seen = operator.get(f"/v1/jobs/{job_id}").json
    assert (seen["state"], seen["kind"], seen["invitation_id"]) == ("dead", "invitation.mail", invitation)
    assert (seen["attempts"], seen["worker"]) == (1, "host/1/1")
    assert seen["last_error"] == "The mail server said no."
    assert seen["finished_at"]
    assert operator.get("/v1/jobs?state=dead").json["data"] == [seen]
    assert operator.get(f"/v1/jobs?account_id={acme}&kind=invitation.mail").json["data"] == [seen]
    assert operator.get("/v1/jobs?account_id=acc_other").json["data"] == []


def test_a_job_tells_the_request_that_it_was_enqueued_in(operator, acme, alice):
    body = {"email": "bob@corp.example", "role": "support"}
    alice.post(f"/v1/accounts/{acme}/invitations", body, X_Request_Id="a-request-of-alice")
    assert operator.get("/v1/jobs").json["data"][0]["request_id"] == "a-request-of-alice"


def test_jobs_are_listed_a_page_at_a_time_the_newest_first(world: World, operator, acme, alice):
    for number in range(3):
        alice.post(f"/v1/accounts/{acme}/invitations", {"email": f"guest{number}@corp.example", "role": "support"})
    first = operator.get("/v1/jobs?limit=2").json
    second = operator.get(f"/v1/jobs?limit=2&cursor={first['next_cursor']}").json
    ids = [job["id"] for job in first["data"] + second["data"]]
    assert ids == sorted(ids, reverse=True)
    assert (len(ids), second["next_cursor"]) == (3, None)


def test_a_dead_job_is_done_again_when_the_operator_says_so(world: World, operator, acme, alice):
    invitation = world.invited(acme, alice, "bob@corp.example")
    job_id = fail(world, delivery=Delivery.BOUNCED)
    again = operator.post(f"/v1/jobs/{job_id}/retry")
    assert (again.status_code, again.json["state"], again.json["attempts"]) == (200, "queued", 0)
    with world.sessions() as session:
        assert session.get_one(Invitation, invitation).delivery == Delivery.QUEUED
        assert suppressions.find_suppressed(session, ["bob@corp.example"]) == {}
    with transaction(world.sessions) as session:
        assert dispatch.take_due(session, limit=10) == [(JobKind.INVITATION_MAIL, job_id)]


def test_a_waiting_job_can_be_cancelled_once_and_its_invitation_shows_it(world: World, operator, acme, alice):
    invitation = world.invited(acme, alice, "bob@corp.example")
    job_id = only_job(world).id
    assert operator.post(f"/v1/jobs/{job_id}/cancel").json["state"] == "cancelled"
    assert operator.post(f"/v1/jobs/{job_id}/cancel").json["code"] == "job_closed"
    assert alice.get(f"/v1/accounts/{acme}/invitations/{invitation}").json["delivery"] == "failed"
    events = alice.get(f"/v1/accounts/{acme}/invitations/{invitation}/events").json["data"]
    assert "operator cancelled" in events[-1]["data"]["why"]


@pytest.mark.parametrize("act", ["retry", "cancel"])
def test_a_running_job_is_left_to_its_worker(world: World, operator, acme, alice, act: str):
    world.invited(acme, alice, "bob@corp.example")
    job_id = only_job(world).id
    with transaction(world.sessions) as session:
        queue.claim(session, [job_id], kinds=list(JobKind), owner="host/1/1")
    answer = operator.post(f"/v1/jobs/{job_id}/{act}")
    assert (answer.status_code, answer.json["code"]) == (409, "job_closed")
    assert only_job(world).state == JobState.RUNNING


def test_the_summary_counts_waiting_jobs_live_processes_and_mail_pauses(world: World, operator, acme, alice):
    world.invited(acme, alice, "bob@corp.example")
    with transaction(world.sessions) as session:
        heartbeats.record(session, "host-1", Part.WORKER)
        heartbeats.record(session, "host-2", Part.SCHEDULER)
        mail_pauses.pause(session, "corp.example", duration=heartbeats.SILENT_AFTER, why="It takes no more.")
    summed = operator.get("/v1/jobs/summary").json
    by_kind = {(each["kind"], each["state"]): each["count"] for each in summed["jobs"]}
    assert by_kind == {("invitation.check", "queued"): 1, ("invitation.mail", "queued"): 1}
    assert all(each["oldest_due_seconds"] >= 0 and each["oldest_due_at"] for each in summed["jobs"])
    assert (summed["workers_alive"], len(summed["parts"])) == (1, 2)
    assert summed["scheduler_heartbeat_at"]
    assert [(each["lane"], each["why"]) for each in summed["pauses"]] == [("corp.example", "It takes no more.")]


def test_an_account_sees_its_own_jobs_and_no_others(world: World, acme, alice, charlie: Caller):
    world.invited(acme, alice, "bob@corp.example")
    other = world.account(charlie, "Other")
    world.invited(other, charlie, "dora@corp.example")
    mine = alice.get(f"/v1/accounts/{acme}/jobs").json["data"]
    theirs = charlie.get(f"/v1/accounts/{other}/jobs").json["data"]
    assert {job["account_id"] for job in mine} == {acme}
    assert alice.get(f"/v1/accounts/{acme}/jobs/{mine[0]['id']}").status_code == 200
    assert alice.get(f"/v1/accounts/{acme}/jobs/{theirs[0]['id']}").status_code == 404
    summed = alice.get(f"/v1/accounts/{acme}/jobs/summary").json
    assert sum(each["count"] for each in summed["jobs"]) == 2
    assert "pauses" not in summed


def test_jobs_are_for_those_who_may_see_the_audit(world: World, acme, alice, bob, charlie):
    world.join(acme, bob, Role.DEVELOPER)
    for path in ("jobs", "jobs/summary", "jobs/job_1"):
        assert bob.get(f"/v1/accounts/{acme}/{path}").status_code == 403
        assert charlie.get(f"/v1/accounts/{acme}/{path}").status_code == 404
        assert alice.get(f"/v1/{path}").status_code == 403
