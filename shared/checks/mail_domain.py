"""Check that a domain accepts email, from DNS answers."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.errors import Reason, Who
from shared.policy import MailAnswer

_RESERVED = frozenset({"example", "test", "invalid", "localhost", "example.com", "example.net", "example.org"})


@dataclass(frozen=True, slots=True)
class MailFact:
    """A DNS answer about a domain, with its source and time. For `unknown`, `source` says why there is no answer."""

    answer: MailAnswer
    source: str
    looked_up_at: datetime


_LASTS = {
    MailAnswer.MX: timedelta(hours=1),
    MailAnswer.ADDRESS: timedelta(hours=1),
    MailAnswer.UNKNOWN: timedelta(seconds=15),
}
_NO_LASTS = timedelta(minutes=5)


def is_fresh(fact: MailFact, now: datetime) -> bool:
    """Return True while the answer is valid: an hour for yes, five minutes for no, 15 seconds for unknown."""
    return now - fact.looked_up_at < _LASTS.get(fact.answer, _NO_LASTS)


def is_reserved(domain: str) -> bool:
    """Return True for names reserved for examples and tests (RFC 2606, RFC 6761), which can't be registered."""
    labels = domain.split(".")
    return labels[-1] in _RESERVED or ".".join(labels[-2:]) in _RESERVED


def mail_reasons(domain: str, fact: MailFact, suggestion: str | None) -> list[Reason]:
    """Reasons why this domain can't receive email. Empty if it can, or if the answer is unknown."""
    suffix_data = {
        MailAnswer.NOT_FOUND: ("domain_not_found", f"The domain {domain} doesn't exist."),
        MailAnswer.NO_MAIL: ("domain_no_mail", f"The domain {domain} has no mail server, nor any other."),
        MailAnswer.NULL_MX: ("domain_null_mx", f"The domain {domain} declares that it takes no mail."),
    }.get(fact.answer)
    if suffix_data is None:
        return []
    code, message = suffix_data
    hint = f"Did you mean {suggestion}? " if suggestion else ""
    remedy = f"{hint}Check how the address is spelt, and invite the right one."
    return [Reason(code, f"{message} Nothing was sent.", remedy, Who.INVITER)]


def mail_unknown(domain: str, fact: MailFact) -> Reason:
    """Reason: DNS gave no answer on whether the domain accepts email."""
    return Reason(
        "domain_not_checked",
        f"Whether {domain} takes mail could not be found out: {fact.source}.",
        "There is nothing to do; if the mail can't be delivered, you will see that at the invitation.",
        Who.OPERATOR,
    )
