"""A backlog of invitation emails: sent by our workers, by a minimal loop, and by a naive Celery pipeline."""

import multiprocessing
import statistics
import time
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier

import psycopg
from celery import Celery

from shared.db.engine import open_engine
from shared.db.transaction import session_factory
from shared.jobs.queue import Claimed
from shared.mail import messages
from shared.mail.messages import OutgoingMail
from shared.mail.smtp_route import route_of
from shared.models import Job
from shared.settings import loading
from shared.tokens import Purpose, derive, sha256
from tests.bench import people
from tests.bench.servers import SECRET_KEY, broker, database, environment, process
from tests.bench.sink import Sink, sink
from worker.mail.rendering import Renderer
from worker.mail.smtp import SmtpClient

BACKLOG, NAIVE, SENDERS = 20_000, 2_000, 2

_INVITED = f"""
INSERT INTO invitations (id, account_id, email, email_key, role, status, delivery, invited_by, link_hash,
                         lifetime_seconds, resendable_at, expires_at)
  SELECT id, '{people.ACCOUNT}', email, email, 'developer', 'pending', 'queued', '{people.user_id(1)}', digest,
         604800, now(), now() + interval '7 days'
  FROM unnest(%s::text[], %s::text[], %s::bytea[]) AS rows (id, email, digest)
"""
_ENQUEUED = """
INSERT INTO jobs (id, kind, subject_id, account_id, generation, lane)
  SELECT 'job' || substr(id, 4), 'invitation.mail', id, account_id, 1, split_part(email, '@', 2) FROM invitations
"""


def run() -> None:
    with sink() as taking:
        # In turns, so that other load on the machine affects all of them.
        rounds = [[each(taking) for each in (_ours, _minimal, _naive)] for _ in range(5)]
    ours, minimal, naive = map(statistics.median, zip(*rounds, strict=True))
    print(  # noqa: T201
        f"a backlog of {BACKLOG:,}: {ours:,.0f} emails a second; a bare loop that only writes and sends "
        f"{minimal:,.0f}, so {ours / minimal:.0%} of that; the naive pipeline {naive:,.0f}, so {ours / naive:.1f} "
        f"times that"
    )


def _ours(taking: Sink) -> float:
    """Run workers and a scheduler as in production, from the first email to the last."""
    with database() as url, broker() as queue:
        _fill(url, BACKLOG)
        taking.empty()
        variables = environment(url, queue, _smtp(taking), worker_processes=SENDERS)
        with process(["usher", "worker"], variables), process(["usher", "scheduler"], variables):
            began = taking.wait_for(1)
            return BACKLOG / (taking.wait_for(BACKLOG) - began)


def _minimal(taking: Sink) -> float:
    """Send the same emails from as many processes, over one connection each, without claiming or recording anything."""
    with database() as url:
        _fill(url, BACKLOG)
        taking.empty()
        forks = multiprocessing.get_context("fork")
        start = forks.Barrier(SENDERS + 1)
        senders = [forks.Process(target=_send, args=(url, taking, start, n)) for n in range(SENDERS)]
        for sender in senders:
            sender.start()
        start.wait()
        began = time.monotonic()
        took = taking.wait_for(BACKLOG) - began
        for sender in senders:
            sender.join()
        return BACKLOG / took


def _send(url: str, taking: Sink, start: Barrier, number: int) -> None:
    settings = loading.load(environment(url, smtp_url=_smtp(taking)))
    writer, mailer = Renderer(settings), SmtpClient(route_of(settings))
    mine = [each for each in _emails(url) if isinstance(each, OutgoingMail)][number::SENDERS]
    start.wait()
    for email in mine:
        mailer.send(writer.sender.address, email.recipient, writer.render_message(email))
    mailer.close()


def _emails(url: str) -> Sequence[object]:
    engine = open_engine(url)
    with session_factory(engine)() as session:
        found = messages.load(session, [_claimed(job) for job in session.query(Job).order_by(Job.id)])
    engine.dispose()
    return found


def _claimed(job: Job) -> Claimed:
    known = {name: getattr(job, name) for name in Claimed._fields}
    return Claimed(**known | {"first_tried_at": job.created_at})


def _naive(taking: Sink) -> float:
    with database() as url, broker() as queue:
        ids = _fill(url, NAIVE)
        taking.empty()
        variables = environment(url, queue) | {"SINK_PORT": str(taking.port)}
        with Celery(broker=queue) as app:
            for each in ids:
                app.send_task("tests.bench.naive.mail", (each,))
        command = ["celery", "-A", "tests.bench.naive", "worker", "-c", str(SENDERS), "-l", "ERROR"]
        with process(command, variables):
            began = taking.wait_for(1)
            return NAIVE / (taking.wait_for(NAIVE) - began)


def _fill(url: str, count: int) -> list[str]:
    """Insert invitations that passed their checks, each with the job that emails it. Returns their ids."""
    people.fill(url, 1)
    ids = [f"inv_{number:026d}" for number in range(count)]
    emails = [f"guest{number}@corp{number % 50}.example" for number in range(count)]
    digests = [sha256(derive(SECRET_KEY, Purpose.INVITATION, each, 1)) for each in ids]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_INVITED.encode(), (ids, emails, digests))
        connection.execute(_ENQUEUED)
        connection.execute("VACUUM ANALYZE")
    return ids


def _smtp(taking: Sink) -> str:
    return f"smtp://127.0.0.1:{taking.port}?starttls=off"
