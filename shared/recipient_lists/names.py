"""Names before an address, told apart from labels, formulas and words such as `NOT`."""

import re

_WORD = r"[^\W\d_]+(?:['’.-]+[^\W\d_]+)*[.'’]?"
_ONE = re.compile(_WORD)
_FULL = re.compile(rf"{_WORD}(?:,?\s+{_WORD})+")
_NO_NAME = re.compile(r"[:=?@|\\]|//")
"""Signs of labels, formulas, URLs and addresses."""

_EXCLUDING = (
    "not dont never except exclude remove removed former formerly ex without nicht kein keine ohne ehemals ehemalige "
    "ehemaliger ausser außer nunca excepto antiguo antigua exempleado pas sauf ancien ancienne não nao exceto"
)
_NOT_MEANT = frozenset(_EXCLUDING.split())
"""Words by which a list leaves a person out."""


def is_single_name(text: str) -> bool:
    """True for one word that can be a name."""
    return bool(_ONE.fullmatch(text)) and _is_meant(text)


def is_full_name(text: str) -> bool:
    """True for a name of two words or more: `Dora Diaz`, `Diaz, Dora`. One word can be half an address."""
    return len(text) < 200 and bool(_FULL.fullmatch(text)) and _is_meant(text)


def can_be_before_brackets(text: str) -> bool:
    """True for what can be the name in `name <address>`, where only the brackets have the address."""
    return not _NO_NAME.search(text) and _is_meant(text)


def _is_meant(text: str) -> bool:
    return _NOT_MEANT.isdisjoint(re.sub(r"[^\w\s]", "", text).casefold().split())
