"""Check that the address is a work address. Personal and disposable email domains are refused, with subdomains."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from disposable_email_domains import blocklist
from publicsuffixlist import PSLFILE, PublicSuffixList

from shared.checks.lookalikes import WELL_KNOWN, has_twins, latin_lookalike, local_twin, other_spelling, suggestion
from shared.checks.mail_domain import MailFact, mail_reasons, mail_unknown
from shared.checks.overrides import Override, covers, of_recipient, only_domains
from shared.checks.verdict import Check, Verdict
from shared.email_address import EmailAddress, a_labels
from shared.errors import Reason, Who
from shared.policy import Effect, MailAnswer

_PERSONAL = Path(__file__).with_name("personal_domains.txt")


@dataclass(frozen=True, slots=True)
class DomainLists:
    """Personal and disposable domains, and the public suffixes, above which no list entry applies."""

    personal: frozenset[str]
    disposable: Set[str]
    suffixes: PublicSuffixList
    source: str

    def spans(self, domain: str) -> tuple[str, ...]:
        """The domain and its parents, down to the registrable domain."""
        return _spans(self.suffixes, domain)


@lru_cache(4096)
def _spans(suffixes: PublicSuffixList, domain: str) -> tuple[str, ...]:
    registrable = suffixes.privatesuffix(domain) or domain
    labels = domain.split(".")
    return tuple(".".join(labels[start:]) for start in range(len(labels) - registrable.count(".")))


@cache
def _shipped() -> frozenset[str]:
    lines = _PERSONAL.read_text().splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


@cache
def _suffixes() -> PublicSuffixList:
    """Public suffixes in A-labels, the form in which domains are compared.

    Encoding them here is faster: the library would normalize ten thousand lines that are already normal.
    """
    with Path(PSLFILE).open(encoding="utf-8") as lines:
        policy = (line if line.isascii() else _a_labels(line) for line in lines if not line.startswith("//"))
        return PublicSuffixList(policy, accept_encoded_idn=False)


def _a_labels(rule: str) -> str:
    labels = rule.strip().split(".")
    return ".".join(each if each.isascii() else "xn--" + each.encode("punycode").decode() for each in labels)


def load_lists(personal_extra: tuple[str, ...] = ()) -> DomainLists:
    """The bundled lists plus the installation's own personal domains."""
    extra = {a_labels(domain.strip()) for domain in personal_extra}
    return DomainLists(
        personal=_shipped() | extra,
        disposable=blocklist,
        suffixes=_suffixes(),
        source=f"disposable-email-domains {version('disposable-email-domains')}, personal domains shipped with Usher",
    )


def check_domain(
    address: EmailAddress, lists: DomainLists, overrides: Sequence[Override], mail: MailFact | None, now: datetime
) -> Check:
    """Check the domain against the exceptions, the lists, lookalikes and DNS, in this order.

    `mail` is None before the DNS lookup. Requests never wait for one.
    """
    data: dict[str, Any] = {"source": lists.source, "age": 0, "domain": address.domain}
    data["mail"] = {"answer": "not_looked_up"} if mail is None else _source_data(mail, now)
    override = of_recipient(overrides, address)
    if override is not None:
        data["exception"] = override.id
    denied = list(_denials(address.domain, lists, overrides, override, mail))
    if denied:
        return Check("domain", Verdict.DENY, tuple(denied), data)
    twin = latin_lookalike(address.domain)
    if twin is not None and override is None:
        return Check("domain", Verdict.HOLD, (_lookalike(address, twin),), data)
    if mail is not None and mail.answer is MailAnswer.UNKNOWN:
        return Check("domain", Verdict.UNKNOWN, (mail_unknown(address.domain, mail),), data)
    return Check("domain", Verdict.ALLOW, tuple(_hints(address)) if override is None else (), data)


def _hints(address: EmailAddress) -> Iterator[Reason]:
    near = suggestion(address.domain)
    if near is not None and address.domain not in WELL_KNOWN:
        yield _near_miss(address.domain, near)
    spelling = other_spelling(address.domain)
    twin = local_twin(address.shown.rpartition("@")[0])
    if spelling is not None and has_twins(spelling):
        yield _foreign_characters(address, f"The domain {spelling} is {address.domain} in plain letters")
    elif twin is not None:
        yield _foreign_characters(
            address, f"What comes before the @ looks like {twin}, and is written in other letters"
        )


def _source_data(mail: MailFact, now: datetime) -> dict[str, Any]:
    age = max(0, int((now - mail.looked_up_at).total_seconds()))
    return {"answer": mail.answer, "source": mail.source, "age": age}


def _denials(
    domain: str,
    lists: DomainLists,
    overrides: Sequence[Override],
    override: Override | None,
    mail: MailFact | None,
) -> Iterator[Reason]:
    only = list(only_domains(overrides))
    if override is not None and override.effect is Effect.BLOCK:
        yield _blocked(domain, override)
    elif override is None and only and not any(covers(each.value, domain) for each in only):
        yield _outside_allowed_domains(domain, only)
    elif override is None:
        yield from _personal_or_disposable(domain, lists)
    if mail is not None:
        yield from mail_reasons(domain, mail, suggestion(domain))


def _personal_or_disposable(domain: str, lists: DomainLists) -> Iterator[Reason]:
    spans = lists.spans(domain)
    if any(span in lists.disposable for span in spans):
        yield _disposable(domain)
    elif any(span in lists.personal for span in spans):
        yield _personal(domain)


def _disposable(domain: str) -> Reason:
    return Reason(
        "domain_disposable",
        f"{domain} hands out throw-away addresses, and an invitation needs a lasting work address. Nothing was sent.",
        _remedy("Ask for the person's work address and invite that one.", domain),
        Who.INVITER,
    )


def _personal(domain: str) -> Reason:
    return Reason(
        "domain_personal",
        f"{domain} gives mailboxes to anybody, and an invitation needs a work address. Nothing was sent.",
        _remedy("Ask for the person's address at their company and invite that one.", domain),
        Who.INVITER,
    )


def _remedy(fix: str, domain: str) -> str:
    near = suggestion(domain)
    hint = f"Did you mean {near}? " if near and domain not in WELL_KNOWN else ""
    return f"{hint}{fix} If {domain} is a company of its own, ask the operator for an exception."


def _blocked(domain: str, override: Override) -> Reason:
    whose = "This account has" if override.of_account else "This installation has"
    return Reason(
        "domain_not_allowed",
        f"{whose} blocked {override.value}, so {domain} can't be invited. Nothing was sent.",
        "Invite an address at another domain, or have the exception removed.",
        Who.ACCOUNT_OWNER if override.of_account else Who.OPERATOR,
    )


def _outside_allowed_domains(domain: str, only: Sequence[Override]) -> Reason:
    return Reason(
        "domain_not_allowed",
        f"This account invites only to {', '.join(sorted(each.value for each in only))}, and {domain} is another "
        "domain. Nothing was sent.",
        f"Invite an address at one of those domains, or have {domain} added to them.",
        Who.ACCOUNT_OWNER,
    )


def _lookalike(address: EmailAddress, twin: str) -> Reason:
    return Reason(
        "domain_lookalike",
        f"The domain {address.domain} is written in letters that look like {twin}, and is another domain. "
        "Nothing was sent yet: somebody looks at it first.",
        f"If you meant {twin}, revoke this invitation and invite there; else wait for the operator to release it.",
        Who.OPERATOR,
    )


def _foreign_characters(address: EmailAddress, what: str) -> Reason:
    return Reason(
        "address_lookalike",
        f"{what}. Some letters of other alphabets look like Latin ones.",
        f"Check that {address.shown} is the address you mean.",
        Who.INVITER,
    )


def _near_miss(domain: str, near: str) -> Reason:
    return Reason(
        "domain_near_miss",
        f"{domain} is a single letter away from {near}. It was let through.",
        f"If you meant {near}, revoke the invitation; else there is nothing to do.",
        Who.INVITER,
    )
