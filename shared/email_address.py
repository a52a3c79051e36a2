"""An e-mail address: one form to compare by, another to show.

Compared: NFC, the domain lowercased and IDNA-encoded, the local part casefolded; tags and dots are kept, so two
addresses that differ in them are two. Addresses that a person or a mail server could take
for another one are refused instead of folded (dotless i, full-width characters, letters of two scripts in one word):
folding them would let one person's invitation be accepted by another (CVE-2019-19844).
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
"""Local parts that nobody has to think about: most of RFC 5321's Dot-string, of 64 characters at the most."""

_GMAIL = frozenset({"gmail.com", "googlemail.com"})
_TAKEN_FOR_ANOTHER = frozenset("ıȷſß")


class BadAddress(ValueError):
    """Not an address that mail can be sent to; the message says why in a sentence."""


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """`shown` as it was typed, `key` to compare by, `domain` in lower-case A-labels."""

    shown: str
    key: str
    domain: str

    @classmethod
    def kept(cls, shown: str, key: str) -> "EmailAddress":
        """The address that a row keeps in these two forms."""
        return cls(shown, key, key.rpartition("@")[2])


def parse(text: str) -> EmailAddress:
    """The address, or `BadAddress`. Nothing is looked up: whether the domain takes mail is another check."""
    typed = unicodedata.normalize("NFC", text.strip())
    if len(typed.encode(errors="replace")) > MAX_LENGTH:
        raise BadAddress(f"An address has {MAX_LENGTH} characters at the most.")
    local, _, domain = typed.rpartition("@")
    if _PLAIN.fullmatch(local) and domain.isascii():
        # Whom a thousand are invited from are mostly colleagues: their domain needs to be looked at once.
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
    """The domain as the DNS has it: lower case, each label ASCII (IDNA 2008, mapped as UTS 46 has it).

    Python's own "idna" codec is IDNA 2003, where straße.de is strasse.de, another owner's.

    Raises `UnicodeError` for what is no domain.
    """
    return idna.encode(domain, uts46=True).decode()


def masked(address: str) -> str:
    """An address as strangers and logs may see it: `b***@corp.example`."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}***@{domain}"


def folded(key: str) -> str:
    """One form for all addresses that lead to one mailbox, for limits alone: no tag, and of Gmail no dots.

    Takes an address in its canonical form. Two addresses that fold to one may still be two people's.
    """
    local, _, domain = key.rpartition("@")
    local = local.partition("+")[0] or local
    if domain in _GMAIL:
        return f"{local.replace('.', '')}@gmail.com"
    return f"{local}@{domain}"


@lru_cache(4096)
def _plain_domain(domain: str) -> str:
    """The domain, if an address there is one."""
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
    """The scripts of a word's letters; Han, kana and hangul go together in one word, and so count as one."""
    names = {unicodedata.name(sign, "?").split()[0] for sign in word if sign.isalpha()}
    together = {"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "KATAKANA-HIRAGANA"}
    return {"EAST ASIAN" if name in together else name for name in names}
