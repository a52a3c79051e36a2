"""What one web process holds beside its database: settings, lists, and the bell it rings for the workers."""

from dataclasses import dataclass
from typing import cast

from flask import current_app

from shared.broker import Nudger
from shared.config import Settings
from shared.services.rules import Rules


@dataclass(frozen=True, slots=True)
class Kit:
    """The process's settings, rules and nudger."""

    settings: Settings
    rules: Rules
    nudger: Nudger


def kit() -> Kit:
    """The kit of the application that is answering."""
    return cast(Kit, current_app.extensions["usher"])
