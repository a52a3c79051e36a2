"""Prometheus metrics, each produced and read, and the readiness of the parts."""

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import select

from shared.db.transaction import transaction
from shared.jobs import heartbeats, mail_pauses, queue
from shared.mail import results
from shared.models import ALL_MAIL, Job, JobKind, Part
from tests.web.conftest import World, let_go
from web.app import create_app


def figures(nobody: Any) -> dict[str, dict[tuple[str, ...], float]]:
    """Every sample by its name and its label values."""
    answer = nobody.get("/metrics")
    assert answer.status_code == 200
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def test_requests_are_counted_by_route_never_by_address(nobody, acme, alice):
    alice.get(f"/v1/accounts/{acme}")
    alice.get("/nowhere/secret-token")
    nobody.ask("BREW", "/healthz")
    seen = figures(nobody)
    assert seen["usher_http_requests_total"]["GET", "/v1/accounts/<account_id>", "200"] >= 1
    assert seen["usher_http_requests_total"]["GET", "none", "404"] >= 1
    assert seen["usher_http_request_seconds_count"]["GET", "/v1/accounts/<account_id>"] >= 1
    assert "secret-token" not in str(seen)
    assert "BREW" not in str(seen)
    assert seen["usher_http_requests_total"]["other", "none", "405"] >= 1


def test_jobs_are_counted_by_kind_and_state_with_the_age_of_the_oldest(world: World, nobody, acme, alice):
    world.invited(acme, alice, "bob@corp.example")
    before = figures(nobody)
    assert before["usher_jobs"]["invitation.mail", "queued"] == 1
    assert before["usher_jobs"]["invitation.mail", "dead"] == 0
    assert before["usher_oldest_due_job_seconds"]["invitation.mail",] > 0
    with transaction(world.sessions) as session:
        ids = session.scalars(select(Job.id)).all()
        (job,) = queue.claim(session, ids, kinds=[JobKind.INVITATION_MAIL], owner="host/1/1")
    assert figures(nobody)["usher_jobs"]["invitation.mail", "running"] == 1
    with transaction(world.sessions) as session:
        results.fail(session, job, why="No.")
    after = figures(nobody)
    assert after["usher_jobs"]["invitation.mail", "dead"] == 1
    assert after["usher_oldest_due_job_seconds"]["invitation.mail",] == 0
    assert after["usher_jobs_finished_last_minute"][()] == 1


def test_workers_scheduler_and_pauses_are_counted(world: World, nobody):
    before = figures(nobody)
    assert before["usher_parts_alive"] == {("worker",): 0, ("scheduler",): 0}
    assert before["usher_scheduler_heartbeat_timestamp_seconds"][()] == 0
    with transaction(world.sessions) as session:
        heartbeats.record(session, "host-1", Part.WORKER)
        heartbeats.record(session, "host-2", Part.WORKER)
        heartbeats.record(session, "host-3", Part.SCHEDULER)
        mail_pauses.pause(session, ALL_MAIL, duration=heartbeats.SILENT_AFTER, why="It refuses us.")
    after = figures(nobody)
    assert after["usher_parts_alive"] == {("worker",): 2, ("scheduler",): 1}
    assert after["usher_scheduler_heartbeat_timestamp_seconds"][()] > 1_700_000_000
    assert 50 < after["usher_mail_paused_seconds"]["all",] <= 60


@pytest.mark.parametrize(("setting", "nobodys", "operators"), [("operator", 404, 200), ("off", 404, 404)])
def test_metrics_are_visible_as_the_settings_say(settings, setting: str, nobodys: int, operators: int):
    app = create_app(settings.model_copy(update={"metrics": setting}))
    key = {"Authorization": f"Bearer {settings.operator_key}"}
    assert app.test_client().get("/metrics").status_code == nobodys
    assert app.test_client().get("/metrics", headers=key).status_code == operators
    let_go(app)


def test_ready_names_the_parts_that_are_missing_and_serves_all_the_same(world: World, nobody):
    answer = nobody.get("/readyz")
    assert (answer.status_code, answer.json["status"]) == (200, "degraded")
    assert answer.json["missing"] == ["worker", "scheduler"]
    with transaction(world.sessions) as session:
        heartbeats.record(session, "host-1", Part.WORKER)
        heartbeats.record(session, "host-3", Part.SCHEDULER)
    assert nobody.get("/readyz").json["status"] == "ready"
