"""Whether the address belongs to work: personal and disposable mail domains are refused, and their subdomains too."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

from disposable_email_domains import blocklist
from publicsuffixlist import PublicSuffixList

from shared.checks.verdict import Check, denied_by
from shared.errors import Reason, Who

_PERSONAL = Path(__file__).with_name("personal_domains.txt")


@dataclass(frozen=True, slots=True)
class DomainLists:
    """The domains that are not for work, and the public suffixes that no list entry may stand above."""

    personal: frozenset[str]
    disposable: frozenset[str]
    suffixes: PublicSuffixList
    source: str

    def spans(self, domain: str) -> Iterator[str]:
        """The domain, then each parent of it down to the one that somebody registered."""
        registrable = self.suffixes.privatesuffix(domain) or domain
        labels = domain.split(".")
        for start in range(len(labels) - registrable.count(".")):
            yield ".".join(labels[start:])


@cache
def _shipped() -> frozenset[str]:
    lines = _PERSONAL.read_text().splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def load_lists(personal_extra: tuple[str, ...] = ()) -> DomainLists:
    """The lists that are shipped, with the installation's own personal domains added."""
    extra = {domain.strip().lower().encode("idna").decode() for domain in personal_extra}
    return DomainLists(
        personal=_shipped() | extra,
        disposable=frozenset(blocklist),
        suffixes=PublicSuffixList(),
        source=f"disposable-email-domains {version('disposable-email-domains')}, personal domains shipped with Usher",
    )


def check_domain(domain: str, lists: DomainLists) -> Check:
    """Refuse a domain that is listed as disposable or personal, or that stands below one."""
    spans = list(lists.spans(domain))
    reasons = []
    if any(span in lists.disposable for span in spans):
        reasons.append(_disposable(domain))
    elif any(span in lists.personal for span in spans):
        reasons.append(_personal(domain))
    return denied_by("domain", reasons, source=lists.source, domain=domain)


def _disposable(domain: str) -> Reason:
    return Reason(
        "domain_disposable",
        f"{domain} hands out throw-away addresses, and an invitation needs a lasting work address.",
        "Ask for the person's work address and invite that one.",
        Who.INVITER,
    )


def _personal(domain: str) -> Reason:
    return Reason(
        "domain_personal",
        f"{domain} gives mailboxes to anybody, and an invitation needs a work address.",
        "Ask for the person's address at their company and invite that one.",
        Who.INVITER,
    )
