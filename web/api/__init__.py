"""The REST calls, one file a resource."""

from flask import Flask

from web.api import (
    abuse,
    accounts,
    api_keys,
    audit,
    check,
    exceptions,
    holding,
    imports,
    invitations,
    jobs,
    limits,
    links,
    mail_events,
    me,
    members,
    passwords,
    roles,
    sessions,
    system,
    trials,
    users,
)
from web.call import v1

_RESOURCES = (
    *(abuse, accounts, api_keys, audit, check, exceptions, holding, imports, invitations),
    *(jobs, limits, links, mail_events, me, members, passwords, roles, sessions, trials, users),
)


def register(app: Flask) -> None:
    """Put every call where it is reached; importing a resource has declared its calls."""
    app.register_blueprint(v1)
    app.register_blueprint(system.system)
