"""The REST calls, one module per resource."""

from flask import Flask

from web.api import (
    abuse,
    accounts,
    api_keys,
    audit,
    authorization,
    dry_run,
    imports,
    invitation_links,
    invitations,
    jobs,
    limits,
    mail_events,
    me,
    members,
    overrides,
    passwords,
    registration,
    reviews,
    roles,
    sessions,
    system,
)
from web.http.endpoint import v1

_RESOURCES = (
    *(abuse, accounts, api_keys, audit, authorization, overrides, reviews, imports, invitations),
    *(jobs, limits, invitation_links, mail_events, me, members, passwords, roles, sessions, dry_run, registration),
)


def register(app: Flask) -> None:
    """Register every call. Importing a resource module has declared its calls."""
    app.register_blueprint(v1)
    app.register_blueprint(system.system)
