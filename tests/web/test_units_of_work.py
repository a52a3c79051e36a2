"""Each unit of work wakes the workers for the jobs that it enqueued, or forgets them, and leaves none behind."""

import base64
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
import redis
from flask import Flask

from shared.jobs import queue
from shared.models import JobKind
from tests.cli.processes import eventually
from web.database import (
    autocommit_connection,
    autocommit_or_transaction,
    db,
    pipelined_transaction,
    transaction,
)

UNITS = [transaction, autocommit_or_transaction, pipelined_transaction]


def messages(broker_url: str) -> str:
    """All wake-up messages that wait in the broker."""
    with redis.Redis.from_url(
        broker_url.replace("redis+socket://", "unix://").replace("virtual_host=", "db=")
    ) as client:
        return str([client.lrange(name, 0, -1) for name in client.keys("*") if client.type(name) == b"list"])


def left_over() -> list[Any]:
    return queue.take_enqueued(autocommit_connection()) + queue.take_enqueued(db.session())


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.__name__)
def test_jobs_are_announced_and_none_stays_on_the_connection(
    app: Flask, broker_url: str, unit: Callable[[], AbstractContextManager[Any]]
) -> None:
    with app.test_request_context():
        with unit() as connection:
            queue.record_enqueued(connection, JobKind.INVITATION_CHECK, ["job_that_holds"])
        assert left_over() == []
    eventually(lambda: "job_that_holds" in decoded(messages(broker_url)), within=10)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.__name__)
def test_a_unit_that_fails_leaves_no_job_to_the_next_request(
    app: Flask, unit: Callable[[], AbstractContextManager[Any]]
) -> None:
    def fail() -> None:
        with unit() as connection:
            queue.record_enqueued(connection, JobKind.INVITATION_CHECK, ["job_that_failed"])
            raise ZeroDivisionError

    with app.test_request_context():
        with pytest.raises(ZeroDivisionError):
            fail()
        assert left_over() == []


def decoded(text: str) -> str:
    """The text with the bodies of messages, which are base64, in clear."""
    return text + "".join(
        base64.b64decode(found).decode(errors="replace") for found in re.findall(r"[A-Za-z0-9+/]{40,}={0,2}", text)
    )
