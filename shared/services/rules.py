"""What every decision of this installation rests on: its settings and its lists, read once a process."""

from dataclasses import dataclass

from shared.checks.domain import DomainLists, load_lists
from shared.config import Settings


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings and the lists of one process."""

    settings: Settings
    lists: DomainLists


def load(settings: Settings) -> Rules:
    """Read the lists that the settings name."""
    return Rules(settings, load_lists(settings.personal_domains_extra))
