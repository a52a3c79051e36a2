"""Calls for machines: liveness, readiness, metrics, and the OpenAPI document."""

from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any

from flask import Blueprint, Response, current_app, json, render_template
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from shared import migrations
from shared.actor import ActorKind
from shared.db.engine import limit
from shared.errors import NotFound
from shared.jobs import heartbeats
from shared.jobs.publisher import BrokerUnavailable, Publisher
from shared.models import Part
from web import metrics
from web.auth import identity
from web.auth.guards import anonymous, public
from web.context import app_context
from web.database import db
from web.http import openapi

system = Blueprint("system", __name__)


@system.get("/healthz")
@anonymous
def alive() -> Response:
    """Answer that this process is alive.

    Checks nothing else, and never waits for other requests.
    """
    return _json({"status": "ok"})


@system.get("/readyz")
@public
def ready() -> Response:
    """Report if this process can serve, part by part; 503 without the database or with an old schema.

    Without broker, workers or scheduler, invitations are still recorded and nothing is lost. Without a network list,
    the others are used. Neither is a reason for 503.
    """
    parts = {"database": _tried(_database), "broker": _tried(_broker), "lists": _lists()}
    parts |= {str(part): _tried(partial(_alive, part)) if parts["database"] == "ok" else "unknown" for part in Part}
    if parts["database"] != "ok":
        return _json({"status": "not ready", "parts": parts}, 503)
    missing = [name for name, status in parts.items() if status != "ok"]
    return _json({"status": "degraded" if missing else "ready", "parts": parts, "missing": missing})


@system.get("/metrics")
@public
def measure() -> Response:
    """Return metrics for Prometheus to callers that the METRICS setting admits. Raises `NotFound` for others."""
    allowed = app_context().settings.metrics
    if allowed == "off" or (allowed == "operator" and identity.credential().kind is not ActorKind.OPERATOR):
        raise NotFound("There is no such address.")
    return Response(metrics.exposition(), content_type=metrics.CONTENT_TYPE)


@system.get("/openapi.json")
@public
def show_document() -> Response:
    """Return the OpenAPI document of all calls."""
    return _json(openapi.document(current_app))


@system.get("/docs")
@public
def read_document() -> str:
    """Render the documentation of all calls as a page."""
    return render_template(
        "pages/docs.html", document=openapi.document(current_app), base=app_context().settings.public_url
    )


def _json(body: Any, status: int = 200) -> Response:
    return Response(json.dumps(body), status, content_type="application/json")


def _tried(part: Callable[[], str]) -> str:
    try:
        return part()
    except (SQLAlchemyError, BrokerUnavailable) as error:
        db.session.rollback()
        return f"away ({type(error).__name__})"


def _database() -> str:
    connection = _session().connection()
    if connection.scalar(text("SHOW transaction_read_only")) == "on":
        return "it takes no writes: this is a standby, or it was set so"
    return "the schema is old: run `usher migrate`" if migrations.missing(connection) else "ok"


def _alive(part: Part) -> str:
    return "ok" if heartbeats.list_alive(_session(), part) else "none gives a sign of life"


def _session() -> Session:
    """Return the request's session, with short timeouts so that a check never blocks."""
    session = db.session()
    limit(session, statement=2, lock=1)
    return session


def _lists() -> str:
    return " ".join(app_context().policy.networks.problems()) or "ok"


def _broker() -> str:
    with closing(Publisher(app_context().settings.broker_url)) as publisher:
        publisher.count_queued()
    return "ok"
