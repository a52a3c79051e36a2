"""Dispatching: the content of messages, and the cost of an unavailable broker."""

import base64
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
import redis

from shared.jobs.kinds import SEND_EMAIL, SPECS
from shared.jobs.notifier import MAX_PENDING, Notifier
from shared.jobs.publisher import IDS_PER_MESSAGE, BrokerUnavailable, Publisher, messages
from shared.models import JobKind
from shared.settings.settings import Settings
from worker.celery_app import make_app


def address(broker_url: str) -> str:
    """The broker's address as redis-py writes it."""
    return broker_url.replace("redis+socket://", "unix://").replace("virtual_host=", "db=")


def waiting(broker_url: str, queue: str) -> int:
    with redis.Redis.from_url(address(broker_url)) as client:
        return int(client.llen(queue))


def queued_ids(broker_url: str, queue: str) -> set[str]:
    """The ids of the jobs in the queue's messages."""
    with redis.Redis.from_url(address(broker_url)) as client:
        bodies = [json.loads(message)["body"] for message in client.lrange(queue, 0, -1)]
    return {job_id for body in bodies for job_id in json.loads(base64.b64decode(body))[0][0]}


def eventually(condition: Callable[[], bool], *, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def silent_broker() -> str:
    """A broker that accepts connections and never responds."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(10)
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


def test_each_kind_of_job_has_a_task_that_the_workers_know(settings: Settings) -> None:
    app = make_app(settings, context=lambda: pytest.fail("nothing runs here"))
    assert set(SPECS) == set(JobKind)
    assert {spec.task.name for spec in SPECS.values()} <= set(app.tasks)
    assert {spec.task.queue for spec in SPECS.values()} <= set(app.amqp.queues)


def test_many_ids_travel_in_one_message_and_kinds_of_one_task_together() -> None:
    kinds = [JobKind.INVITATION_MAIL, JobKind.VERIFICATION_MAIL]
    jobs = [(kinds[number % 2], f"job_{number}") for number in range(2 * IDS_PER_MESSAGE + 1)]
    sent = list(messages(jobs))
    assert [(task, len(ids)) for task, ids in sent] == [
        (SEND_EMAIL, IDS_PER_MESSAGE),
        (SEND_EMAIL, IDS_PER_MESSAGE),
        (SEND_EMAIL, 1),
    ]
    assert sorted(job_id for _, ids in sent for job_id in ids) == sorted(job_id for _, job_id in jobs)


def test_a_publisher_says_how_much_waits_even_after_the_broker_forgot_everything(broker_url: str) -> None:
    publisher = Publisher(broker_url)
    publisher.publish([(JobKind.INVITATION_MAIL, "job_1")])
    with redis.Redis.from_url(address(broker_url)) as client:
        client.flushall()
    publisher.publish([(JobKind.INVITATION_CHECK, "job_2")])
    assert publisher.count_queued() == 1
    publisher.close()


def test_an_unavailable_broker_fails_fast_and_is_left_alone_for_a_moment() -> None:
    publisher = Publisher("redis://127.0.0.1:1/0")
    with pytest.raises(BrokerUnavailable):
        publisher.publish([(JobKind.INVITATION_MAIL, "job_1")])
    with pytest.raises(BrokerUnavailable, match="a moment ago"):
        publisher.count_queued()


def test_a_broker_that_never_answers_costs_seconds_not_minutes(silent_broker: str) -> None:
    began = time.monotonic()
    with pytest.raises(BrokerUnavailable):
        Publisher(silent_broker).publish([(JobKind.INVITATION_MAIL, "job_1")])
    assert time.monotonic() - began < 5


def test_a_notification_reaches_the_broker_behind_the_callers_back(broker_url: str) -> None:
    notifier = Notifier(broker_url)
    for number in range(3):
        notifier.notify([(JobKind.INVITATION_CHECK, f"job_{number}")])
    # All of them, since a later one would count in another test.
    eventually(lambda: queued_ids(broker_url, "checks") == {"job_0", "job_1", "job_2"})
    assert 1 <= waiting(broker_url, "checks") <= 3


def test_a_notification_that_no_one_foresaw_to_fail_stops_none_that_follow(broker_url: str) -> None:
    notifier = Notifier(broker_url)
    notifier.notify([("a kind of tomorrow", "job_0")])  # type: ignore[list-item]
    eventually(lambda: not notifier._jobs)
    notifier.notify([(JobKind.INVITATION_CHECK, "job_1")])
    eventually(lambda: queued_ids(broker_url, "checks") == {"job_1"})


@pytest.mark.parametrize("away", ["refused", "silent"])
def test_a_notification_waits_for_no_broker(away: str, silent_broker: str) -> None:
    notifier = Notifier(silent_broker if away == "silent" else "redis://127.0.0.1:1/0")
    began = time.monotonic()
    for _ in range(100):
        notifier.notify([(JobKind.INVITATION_CHECK, "job")] * (MAX_PENDING // 50))
    assert time.monotonic() - began < 2


def test_a_notifier_created_before_a_fork_works_in_the_child(broker_url: str) -> None:
    program = (
        "import os, sys, time, redis\n"
        "from shared.jobs.notifier import Notifier\n"
        "from shared.models import JobKind\n"
        "nudger = Notifier(sys.argv[1])\n"
        "nudger.notify([(JobKind.INVITATION_CHECK, 'parent')])\n"
        "broker = redis.Redis.from_url(sys.argv[2])\n"
        "while not broker.llen('checks'): time.sleep(0.01)\n"
        "if not os.fork():\n"
        "    nudger.notify([(JobKind.INVITATION_MAIL, 'child')])\n"
        "    while not broker.llen('mail'): time.sleep(0.01)\n"
        "    os._exit(0)\n"
        "os._exit(os.waitstatus_to_exitcode(os.wait()[1]))\n"
    )
    arguments = [sys.executable, "-W", "ignore", "-c", program, broker_url, address(broker_url)]
    subprocess.run(arguments, check=True, timeout=20)
    assert (waiting(broker_url, "checks"), waiting(broker_url, "mail")) == (1, 1)
