"""Email addresses: one form to compare and one to show.

To compare: NFC, the domain lowercased and IDNA-encoded, the local part casefolded. Tags and dots are kept, so addresses
that differ in them are different. Addresses that a person or mail server could mistake for another one are refused
instead of folded (dotless i, full-width characters, characters of two scripts in one word). Folding them would let one
person accept another's invitation (CVE-2019-19844).
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import idna
from email_validator import EmailNotValidError, ValidatedEmail, validate_email

MAX_LENGTH = 254
"""The longest address that SMTP can carry, in octets (RFC 5321 4.5.3.1.3, errata 1690)."""

_PLAIN = re.compile(r"(?=.{1,64}$)[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*")
"""Local parts that need no further checks: most of RFC 5321's Dot-string, of at most 64 characters."""

_GMAIL = frozenset({"gmail.com", "googlemail.com"})
_TAKEN_FOR_ANOTHER = frozenset("ıȷſß")


class BadAddress(ValueError):
    """Raised for text that is not a deliverable email address. The message explains why in one sentence."""


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """An email address: `shown` as typed, `key` to compare, `domain` in lowercase A-labels."""

    shown: str
    key: str
    domain: str

    @classmethod
    def kept(cls, shown: str, key: str) -> "EmailAddress":
        """The address from the two forms stored in a row."""
        return cls(shown, key, key.rpartition("@")[2])


def parse(text: str) -> EmailAddress:
    """Parse an address or raise `BadAddress`. Looks nothing up: another check tests if the domain accepts email."""
    typed = unicodedata.normalize("NFC", text.strip())
    if len(typed.encode(errors="replace")) > MAX_LENGTH:
        raise BadAddress(f"An address has {MAX_LENGTH} characters at the most.")
    local, _, domain = typed.rpartition("@")
    if _PLAIN.fullmatch(local) and domain.isascii():
        # Most of a thousand invitees are colleagues, so their domain needs to be checked only once.
        found = _plain_domain(domain.lower())
        return EmailAddress(typed, f"{local.casefold()}@{found}", found)
    valid = _valid(typed)
    _refuse_lookalikes(valid.local_part, valid.domain)
    return EmailAddress(
        shown=typed if typed.isascii() else f"{valid.local_part}@{valid.domain}",
        key=f"{unicodedata.normalize('NFC', valid.local_part.casefold())}@{valid.ascii_domain.lower()}",
        domain=valid.ascii_domain.lower(),
    )


def a_labels(domain: str) -> str:
    """The domain in lowercase A-labels as used in the DNS (IDNA 2008 with UTS 46 mapping).

    Python's own "idna" codec is IDNA 2003, which turns straße.de into strasse.de, a domain of a different owner. Raises
    `UnicodeError` for an invalid domain.
    """
    return idna.encode(domain, uts46=True).decode()


def masked(address: str) -> str:
    """An address masked for strangers and logs: `b***@corp.example`."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}***@{domain}"


def folded(key: str) -> str:
    """One form for all addresses of one mailbox, for limits only: without tags, and for Gmail without dots.

    Takes an address in its canonical form. Two addresses with the same folded form can still belong to two people.
    """
    local, _, domain = key.rpartition("@")
    local = local.partition("+")[0] or local
    if domain in _GMAIL:
        return f"{local.replace('.', '')}@gmail.com"
    return f"{local}@{domain}"


@lru_cache(4096)
def _plain_domain(domain: str) -> str:
    """The normalized domain, validated with a placeholder address."""
    return _valid(f"a@{domain}").ascii_domain.lower()


def _valid(address: str) -> ValidatedEmail:
    try:
        return validate_email(address, check_deliverability=False, test_environment=True, strict=True)
    except (EmailNotValidError, UnicodeError) as error:
        raise BadAddress(str(error) or "That is not an e-mail address.") from None


def _refuse_lookalikes(local: str, domain: str) -> None:
    if local.isascii() and domain.isascii():
        return
    for sign in local:
        if sign in _TAKEN_FOR_ANOTHER or unicodedata.normalize("NFKC", sign) != sign:
            raise BadAddress(f"The character {sign!r} before the @ is easily taken for another one.")
    for word in [local, *domain.split(".")]:
        if len(_scripts(word)) > 1:
            raise BadAddress(f"The word {word!r} mixes letters of different scripts that look alike.")


def _scripts(word: str) -> set[str]:
    """The scripts of a word's letters. Han, kana and hangul appear together in one word, so they count as one."""
    names = {unicodedata.name(sign, "?").split()[0] for sign in word if sign.isalpha()}
    together = {"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "KATAKANA-HIRAGANA"}
    return {"EAST ASIAN" if name in together else name for name in names}
