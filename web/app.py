"""Makes the web application: the only place that wires settings, database, views and errors together."""

import os
import re

from flask import Flask, Response, g, request

from shared import config, log, tracing
from shared import db as database
from shared.broker import Nudger
from shared.config import Settings
from shared.errors import NotFound
from shared.ids import new_id
from shared.services import rules
from shared.templating import TEMPLATES
from web import api, cookies, csrf, errors, metrics, pages
from web.database import db, give_back
from web.kit import Kit

MAX_BODY = 2 * 1024 * 1024
"""The largest body that is taken, in bytes."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}")
# What every answer says, unless its view has said otherwise.
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "font-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def application() -> Flask:
    """What each process of the web server serves; it reads the settings of its own environment."""
    settings = config.load(os.environ)
    log.configure(settings.log_level)
    tracing.configure(settings.otlp_endpoint, "web")
    return create_app(settings)


def create_app(settings: Settings) -> Flask:
    """The application for these settings. Nothing is connected yet: a database that is away stops no start."""
    app = Flask("web", template_folder=str(TEMPLATES), static_folder=None)
    app.config.update(
        SQLALCHEMY_DATABASE_URI=database.with_driver(settings.database_url),
        SQLALCHEMY_ENGINE_OPTIONS=database.engine_options(settings.web_threads),
        MAX_CONTENT_LENGTH=MAX_BODY,
        # A long list to invite travels in a form, a portion after the other.
        MAX_FORM_MEMORY_SIZE=MAX_BODY,
    )
    db.init_app(app)
    with app.app_context():
        database.outlive_the_server(db.engine)
    app.extensions["usher"] = Kit(
        settings,
        rules.load(settings),
        Nudger(settings.broker_url),
        database.Reader(settings.database_url),
    )
    app.teardown_appcontext(give_back)
    metrics.register(app)
    app.before_request(_begin)
    app.after_request(_finish)
    app.jinja_env.globals["csrf_token"] = csrf.token
    errors.register(app)
    api.register(app)
    pages.register(app)
    return app


def _begin() -> None:
    asked = request.headers.get("X-Request-Id", "")
    g.request_id = asked if _REQUEST_ID.fullmatch(asked) else new_id("req")
    log.begin(request_id=g.request_id)
    if "\0" in request.path or any("\0" in value for value in request.args.values()):
        raise NotFound("There is no such address.")


def _finish(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.get("request_id") or new_id("req")
    said = {name for name, _ in response.headers}
    response.headers.extend({name: value for name, value in _HEADERS.items() if name not in said})
    if cookies.secure():
        response.headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    if "csrf_seed" in g and csrf.seed_cookie() not in request.cookies:
        cookies.put(response, csrf.seed_cookie(), g.csrf_seed)
    return response
