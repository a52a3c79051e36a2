"""Create the web application. Settings, database, views and error handlers are wired together only here."""

import gc
import os
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Request, Response, g, request
from werkzeug.routing import MapAdapter

from shared import policy_context
from shared.db import autocommit
from shared.db import engine as database
from shared.db.connection import WEB
from shared.errors import NotFound
from shared.jobs.notifier import Notifier
from shared.observability import log, tracing
from shared.settings import loading
from shared.settings.settings import Settings
from shared.templating import TEMPLATES
from web import api, metrics, pages
from web.auth import cookies, csrf, host_header
from web.context import AppContext
from web.database import db, release_connection
from web.gateway import REFUSAL, Gateway
from web.http import body_limits, problems
from web.http.security_headers import REQUEST_ID, with_security_headers


class _Web(Flask):
    """Flask without the check for coroutines. All views and hooks are plain functions, and Flask checks eight a
    request."""

    request_class = body_limits.BoundRequest
    host, scheme = "", "http"

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function unchanged."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """The routes for a request. Whatever its Host header says, a redirect leads to the public URL."""
        if request is None:
            return super().create_url_adapter(None)
        query = request.query_string.decode("latin-1")
        return MapAdapter(self.url_map, self.host, "", "", self.scheme, request.path, request.method, query)


def gateway() -> Gateway:
    """Create the gateway that one web process serves, from the settings in the environment."""
    settings = loading.load(os.environ)
    log.configure(settings.log_level)
    tracing.configure(settings.otlp_endpoint, "web")
    app = create_app(settings)
    # Everything created so far lives as long as the process, so the garbage collector need not scan it.
    gc.freeze()
    return Gateway(app, most=settings.web_threads, largest=body_limits.LARGE)


def create_app(settings: Settings) -> Flask:
    """Create the application for these settings.

    It connects to nothing yet, so it starts while the database is unavailable.
    """
    app = _Web("web", template_folder=str(TEMPLATES), static_folder=None)
    app.scheme, app.host, *_ = urlsplit(settings.public_url)
    app.config.update(
        SQLALCHEMY_DATABASE_URI=database.DRIVER,
        # One more than threads: a thread that counts an attempt during its transaction briefly needs a second
        # connection.
        SQLALCHEMY_ENGINE_OPTIONS=database.engine_options(settings.web_threads + 1),
        MAX_CONTENT_LENGTH=body_limits.LARGE,
        # Forms send long recipient lists in chunks.
        MAX_FORM_MEMORY_SIZE=body_limits.LARGE,
    )
    db.init_app(app)
    connector = database.connector(settings.database_url, WEB)
    with app.app_context():
        database.connect_by(db.engine, connector)
    app.extensions["usher"] = AppContext(
        settings,
        policy_context.load(settings),
        Notifier(settings.broker_url),
        autocommit.AutocommitPool(connector),
    )
    app.teardown_appcontext(release_connection)
    metrics.register(app)
    app.before_request(_begin)
    if settings.web_hosts != "any":
        app.before_request(host_header.refuse_others)
    app.after_request(_keep_form_cookie)
    app.jinja_env.globals["csrf_token"] = csrf.token
    problems.register(app)
    api.register(app)
    pages.register(app)
    app.wsgi_app = with_security_headers(app.wsgi_app, over_tls=settings.over_tls)  # type: ignore[method-assign,assignment]
    return app


def _begin() -> None:
    environ = request.environ
    g.request_id = environ[REQUEST_ID]
    log.begin(request_id=g.request_id)
    if REFUSAL in environ:
        raise environ.pop(REFUSAL)
    query = environ.get("QUERY_STRING", "")
    # API calls are left to their query schema, which names the invalid field.
    of_page = not environ["PATH_INFO"].startswith("/v1/")
    if "\0" in environ["PATH_INFO"] or (of_page and ("%00" in query or "\0" in query)):
        raise NotFound("There is no such address.")


def _keep_form_cookie(response: Response) -> Response:
    if "csrf_seed" in g and csrf.seed_cookie() not in request.cookies:
        cookies.put(response, csrf.seed_cookie(), g.csrf_seed, max_age=csrf.SEED_KEPT)
    return response
