"""What every decision of this installation rests on: its settings and its lists, read once a process."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from shared.checks.domain import DomainLists, load_lists
from shared.networks.registry import Networks
from shared.settings.settings import Settings


@dataclass(frozen=True, slots=True)
class PolicyContext:
    """The settings and the lists of one process."""

    settings: Settings
    networks: Networks
    read_lists: Callable[[], DomainLists]

    @property
    def lists(self) -> DomainLists:
        """The lists of domains."""
        return self.read_lists()


def load(settings: Settings) -> PolicyContext:
    """Read the lists that the settings name; those of networks once they are asked for."""
    context = load_lazily(settings)
    context.read_lists()
    return context


def load_lazily(settings: Settings) -> PolicyContext:
    """The same, and the lists of domains too only once they are asked for: 3 MB for whoever seldom does."""
    networks = Networks(settings.network_lists, settings.database_url)
    return PolicyContext(settings, networks, cache(lambda: load_lists(settings.personal_domains_extra)))
