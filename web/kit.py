"""What one web process holds beside its sessions: settings, lists, the workers' bell, a reader for what is hot."""

from dataclasses import dataclass
from typing import cast

from flask import current_app

from shared.broker import Nudger
from shared.config import Settings
from shared.db import Reader
from shared.services.rules import Rules


@dataclass(frozen=True, slots=True)
class Kit:
    """The process's settings, rules, nudger and reader."""

    settings: Settings
    rules: Rules
    nudger: Nudger
    reader: Reader


def kit() -> Kit:
    """The kit of the application that is answering."""
    return cast(Kit, current_app.extensions["usher"])
