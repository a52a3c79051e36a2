"""What every decision of this installation rests on: its settings and its lists, read once a process."""

from dataclasses import dataclass

from shared.checks.domain import DomainLists, load_lists
from shared.config import Settings
from shared.services.lists import Networks


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings and the lists of one process."""

    settings: Settings
    lists: DomainLists
    networks: Networks


def load(settings: Settings) -> Rules:
    """Read the lists that the settings name; those of networks once they are asked for."""
    networks = Networks(settings.network_lists, settings.database_url)
    return Rules(settings, load_lists(settings.personal_domains_extra), networks)
