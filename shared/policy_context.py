"""The basis of every decision of this installation: its settings and its lists, read once per process."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from shared.checks.domain import DomainLists, load_lists
from shared.networks.registry import Networks
from shared.settings.settings import Settings


@dataclass(frozen=True, slots=True)
class PolicyContext:
    """The settings and lists of one process."""

    settings: Settings
    networks: Networks
    read_lists: Callable[[], DomainLists]

    @property
    def lists(self) -> DomainLists:
        """The lists of domains."""
        return self.read_lists()


def load(settings: Settings) -> PolicyContext:
    """Load the lists of domains now, and the lists of networks on first use."""
    context = load_lazily(settings)
    context.read_lists()
    return context


def load_lazily(settings: Settings) -> PolicyContext:
    """Load all lists on first use. This saves 3 MB in processes that rarely need them."""
    networks = Networks(settings.network_lists, settings.database_url)
    return PolicyContext(settings, networks, cache(lambda: load_lists(settings.personal_domains_extra)))
