"""Metrics for Prometheus at `/metrics`: counts of the web processes, and figures about jobs from the database.

Figures about jobs are read at scrape time. Every web server reports the same ones, so scraping one is enough.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from datetime import datetime
from functools import cache

from flask import Flask, Response, g, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from sqlalchemy.exc import SQLAlchemyError

from shared import clock
from shared.db.engine import limit
from shared.models import JobKind, JobState, Part
from shared.observability import log, shared_counters, tracing
from shared.operations import job_admin
from shared.operations.job_admin import Summary
from shared.screening import abuse_reports
from shared.settings.environment import METRICS_FOLDER
from web.context import app_context
from web.database import transaction

CONTENT_TYPE = CONTENT_TYPE_LATEST

shared_counters.count_together(str)

REQUESTS = Counter("usher_http_requests", "Requests answered.", ["method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "usher_http_request_seconds",
    "Time to answer a request.",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def register(app: Flask) -> None:
    """Count every request of this application, and trace it if tracing is enabled."""
    app.before_request(_begin)
    app.after_request(_count)
    app.teardown_request(_end)


def exposition() -> bytes:
    """Return all metrics in the Prometheus text format."""
    return b"".join(generate_latest(registry) for registry in _registries())


class Jobs:
    """Collector of the figures about jobs, mail pauses and processes in the database."""

    def collect(self) -> Iterable[Metric]:
        """Yield the figures; only `usher_database_up` with 0 while the database is unavailable."""
        try:
            with transaction() as session:
                limit(session, statement=5, lock=1)
                found = job_admin.summary(session)
        except SQLAlchemyError as error:
            log.get(__name__).error("job figures unavailable", error=type(error).__name__)
            yield GaugeMetricFamily("usher_database_up", "Whether the database answers.", 0)
            return
        yield GaugeMetricFamily("usher_database_up", "Whether the database answers.", 1)
        yield from _of_jobs(found)
        yield from _of_parts(found)


class Abuse:
    """Collector of the figures about abuse reports."""

    def collect(self) -> Iterable[Metric]:
        """Yield the figures; nothing while the database is unavailable, which `Jobs` reports."""
        try:
            with transaction() as session:
                found = abuse_reports.figures(session)
        except SQLAlchemyError:
            return
        yield GaugeMetricFamily("usher_abuse_reports_open", "Abuse reports that await a decision.", found.open_reports)
        yield GaugeMetricFamily(
            "usher_accounts_held", "Accounts on hold because of abuse reports.", found.held_accounts
        )


class Lists:
    """Collector of the age of the network lists."""

    def collect(self) -> Iterable[Metric]:
        """Yield the age in seconds of each loaded list that has a date."""
        age = GaugeMetricFamily("usher_list_age_seconds", "Age of a network list.", labels=["list"])
        for loaded in app_context().policy.networks.loaded():
            if loaded.dated is not None:
                age.add_metric([loaded.source.name], (clock.now() - loaded.dated).total_seconds())
        yield age


def _registries() -> Iterator[CollectorRegistry]:
    jobs = CollectorRegistry()
    jobs.register(Jobs())
    jobs.register(Lists())
    jobs.register(Abuse())
    yield jobs
    yield shared_counters.registry() if METRICS_FOLDER in os.environ else REGISTRY


def _of_jobs(found: Summary) -> Iterator[Metric]:
    depth = GaugeMetricFamily("usher_jobs", "Unfinished jobs, by kind and state.", labels=["kind", "state"])
    oldest = GaugeMetricFamily("usher_oldest_due_job_seconds", "Age of the oldest due job.", labels=["kind"])
    counts = {(each.kind, each.state): each.count for each in found.depths}
    ages = {each.kind: each.oldest_due_seconds for each in found.depths if each.state == JobState.QUEUED}
    for kind in JobKind:
        oldest.add_metric([kind], ages.get(kind, 0))
        for state in job_admin.OPEN_STATES:
            depth.add_metric([kind, state], counts.get((kind, state), 0))
    yield depth
    yield oldest
    yield GaugeMetricFamily(
        "usher_jobs_finished_last_minute", "Jobs finished in the last minute.", found.finished_last_minute
    )
    held = GaugeMetricFamily("usher_mail_paused_seconds", "Time until paused email is sent.", labels=["scope"])
    held.add_metric(["all"], max((_until(each.until) for each in found.pauses if each.lane == "*"), default=0))
    held.add_metric(["domain"], max((_until(each.until) for each in found.pauses if each.lane != "*"), default=0))
    yield held


def _of_parts(found: Summary) -> Iterator[Metric]:
    alive = GaugeMetricFamily("usher_parts_alive", "Workers and schedulers with a current heartbeat.", labels=["part"])
    for part in Part:
        alive.add_metric([part], sum(each.part == part for each in found.parts))
    yield alive
    beat = found.scheduler_beat_at
    yield GaugeMetricFamily(
        "usher_scheduler_heartbeat_timestamp_seconds",
        "Time of the scheduler's last heartbeat.",
        beat.timestamp() if beat else 0,
    )


def _until(moment: datetime) -> float:
    return max(0.0, (moment - clock.now()).total_seconds())


def _begin() -> None:
    g.began = time.perf_counter()
    if tracing.is_enabled():
        g.span = ExitStack()
        route = request.url_rule.rule if request.url_rule else "none"
        headers = {name.lower(): value for name, value in request.headers}
        g.span.enter_context(tracing.span(f"{request.method} {route}", headers))


def _end(_: BaseException | None) -> None:
    if "span" in g:
        g.pop("span").close()


def _count(response: Response) -> Response:
    route = request.url_rule.rule if request.url_rule else "none"
    # Callers choose the method, and each unknown one would add time series.
    method = request.method if request.method in _METHODS else "other"
    count, measure = _figures(method, route, response.status_code)
    count()
    if "began" in g:
        measure(time.perf_counter() - g.began)
    return response


@cache
def _figures(method: str, route: str, status: int) -> tuple[Callable[[], None], Callable[[float], None]]:
    """Return the functions that count such a response and record its time. Looking both up takes longer than calling
    them."""
    return REQUESTS.labels(method, route, status).inc, REQUEST_SECONDS.labels(method, route).observe
