"""Makes the web application: the only place that wires settings, database, views and errors together."""

import gc
import os
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, g, request

from shared import config, log, tracing
from shared import db as database
from shared.broker import Nudger
from shared.config import Settings
from shared.connection import WEB
from shared.errors import NotFound
from shared.services import rules
from shared.templating import TEMPLATES
from web import api, bodies, cookies, csrf, errors, hosts, metrics, pages
from web.always import REQUEST_ID, saying_always
from web.database import db, give_back
from web.gateway import REFUSAL, Gateway
from web.kit import Kit


class _Web(Flask):
    """Flask whose views and hooks are plain functions: it need not look at each, eight times a request, if it waits."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function as it is."""
        return func


def gateway() -> Gateway:
    """What each process of the web server serves; it reads the settings of its own environment."""
    settings = config.load(os.environ)
    log.configure(settings.log_level)
    tracing.configure(settings.otlp_endpoint, "web")
    app = create_app(settings)
    # What was made up to here stays for good: the collector of garbage would only lose its time with it.
    gc.freeze()
    return Gateway(app, most=settings.web_threads, largest=bodies.LARGE)


def create_app(settings: Settings) -> Flask:
    """The application for these settings. Nothing is connected yet: a database that is away stops no start."""
    app = _Web("web", template_folder=str(TEMPLATES), static_folder=None)
    app.config.update(
        SQLALCHEMY_DATABASE_URI=database.DRIVER,
        # One more than threads: a thread that counts a try within its transaction needs a second one for a moment.
        SQLALCHEMY_ENGINE_OPTIONS=database.engine_options(settings.web_threads + 1),
        MAX_CONTENT_LENGTH=bodies.LARGE,
        # A long list to invite travels in a form, a portion after the other.
        MAX_FORM_MEMORY_SIZE=bodies.LARGE,
    )
    db.init_app(app)
    connector = database.connector(settings.database_url, WEB)
    with app.app_context():
        database.connect_by(db.engine, connector)
    app.extensions["usher"] = Kit(
        settings,
        rules.load(settings),
        Nudger(settings.broker_url),
        database.Reader(connector),
    )
    app.teardown_appcontext(give_back)
    metrics.register(app)
    app.before_request(_begin)
    app.before_request(hosts.refuse_others)
    app.before_request(bodies.bound)
    app.after_request(_keep_form_cookie)
    app.jinja_env.globals["csrf_token"] = csrf.token
    errors.register(app)
    api.register(app)
    pages.register(app)
    app.wsgi_app = saying_always(app.wsgi_app, over_tls=settings.over_tls)  # type: ignore[method-assign,assignment]
    return app


def _begin() -> None:
    environ = request.environ
    g.request_id = environ[REQUEST_ID]
    log.begin(request_id=g.request_id)
    if REFUSAL in environ:
        raise environ.pop(REFUSAL)
    asked = environ.get("QUERY_STRING", "")
    # A call of the API refuses the field by its name.
    of_page = not environ["PATH_INFO"].startswith("/v1/")
    if "\0" in environ["PATH_INFO"] or (of_page and ("%00" in asked or "\0" in asked)):
        raise NotFound("There is no such address.")


def _keep_form_cookie(response: Response) -> Response:
    if "csrf_seed" in g and csrf.seed_cookie() not in request.cookies:
        cookies.put(response, csrf.seed_cookie(), g.csrf_seed, max_age=csrf.SEED_KEPT)
    return response
