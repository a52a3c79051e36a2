"""Frequent queries use a small partial index, however many finished rows there are."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session, sessionmaker

from shared.invitations import expiry
from shared.jobs import dispatch, queue
from tests.cli.processes import eventually

JOBS = ["ix_jobs_ringing", "ix_jobs_open", "ix_jobs_taking_turns"]
"""The indexes without finished jobs."""


@pytest.mark.parametrize(
    ("partial", "look"),
    [
        (JOBS, lambda session: dispatch.take_due(session, limit=10)),
        (JOBS, queue.mark_lost_dead),
        (JOBS, lambda session: queue.renew(session, owners=["worker-1"])),
        (JOBS, lambda session: queue.release_all(session, owners="worker-1")),
        (["ix_invitations_ending"], expiry.expire),
    ],
    ids=["dispatch", "mark_dead", "renew", "release", "expire"],
)
def test_finished_rows_are_not_read_to_find_the_others(
    database_url: str, sessions: sessionmaker[Session], partial: list[str], look: Callable[[Session], Any]
) -> None:
    # As PostgreSQL plans a prepared statement: without looking at its parameters.
    options = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off"
    engine = create_engine(
        database_url.replace("://", "+psycopg://", 1), connect_args={"options": options, "prepare_threshold": 0}
    )
    with Session(engine) as session:
        look(session)
        session.commit()
    engine.dispose()

    def used() -> bool:
        with sessions() as session:
            query = text("SELECT sum(idx_scan) FROM pg_stat_user_indexes WHERE indexrelname = ANY(:partial)")
            return bool(session.execute(query, {"partial": partial}).scalar_one())

    eventually(used)
