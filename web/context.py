"""What one web process holds beside its sessions: settings, lists, the workers' bell, a reader for what is hot."""

from dataclasses import dataclass
from typing import cast

from flask import current_app

from shared.db.autocommit import AutocommitPool
from shared.jobs.notifier import Notifier
from shared.policy_context import PolicyContext
from shared.settings.settings import Settings


@dataclass(frozen=True, slots=True)
class AppContext:
    """The process's settings, rules, nudger and reader."""

    settings: Settings
    policy: PolicyContext
    notifier: Notifier
    autocommit_pool: AutocommitPool


def app_context() -> AppContext:
    """The kit of the application that is answering."""
    return cast(AppContext, current_app.extensions["usher"])
