"""Objects that a web process creates once and shares among its requests."""

from dataclasses import dataclass
from typing import cast

from flask import current_app

from shared.db.autocommit import AutocommitPool
from shared.jobs.notifier import Notifier
from shared.policy_context import PolicyContext
from shared.settings.settings import Settings


@dataclass(frozen=True, slots=True)
class AppContext:
    """The settings, the checks' policy, the workers' notifier and the pool of autocommit connections."""

    settings: Settings
    policy: PolicyContext
    notifier: Notifier
    autocommit_pool: AutocommitPool


def app_context() -> AppContext:
    """Return the context of the current application."""
    return cast(AppContext, current_app.extensions["usher"])
