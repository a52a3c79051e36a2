"""Folding of similar characters for search: accents, case, full-width forms, and characters such as ł and ø.

One table serves both sides: `fold` converts a query in Python, and `folded_sql` a row in PostgreSQL. Neither changes
the case of Latin characters, because the comparison afterwards does (`to_tsvector`, `ILIKE`). The table includes Greek
and Cyrillic capitals, because a database with the locale C knows only the case of ASCII.
"""

import unicodedata

_SPELLED_OUT = {"ß": "ss", "ẞ": "ss", "æ": "ae", "Æ": "ae", "œ": "oe", "Œ": "oe", "þ": "th", "Þ": "th"}
_WITHOUT_STROKE = {"øØ": "o", "łŁ": "l", "đĐðÐ": "d", "ħĦ": "h", "ŧŦ": "t", "ı": "i", "ŋŊ": "n", "ς": "σ"}
_GREEK = "".join(map(chr, (*range(0x391, 0x3A2), *range(0x3A3, 0x3AA))))
_CYRILLIC = "".join(map(chr, (*range(0x402, 0x40C), 0x40F, *range(0x410, 0x430), 0x490)))
_MARKS = "".join(map(chr, range(0x300, 0x370)))

_FROM = "".join(_WITHOUT_STROKE) + _GREEK + _CYRILLIC
_TO = "".join(base * len(characters) for characters, base in _WITHOUT_STROKE.items()) + (_GREEK + _CYRILLIC).lower()
_TABLE = str.maketrans(_FROM, _TO, _MARKS) | str.maketrans(_SPELLED_OUT)


def fold(text: str) -> str:
    """The text with each character in its plainest form: `Łukasz` gives `Lukasz`, `Straße` gives `Strasse`."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", text).translate(_TABLE))


def folded_sql(expression: str) -> str:
    """SQL that folds `expression` like `fold`. It is IMMUTABLE, so an index can use it. Requires UTF-8."""
    sql = f"normalize({expression}, NFKD)"
    for character, spelled in _SPELLED_OUT.items():
        sql = f"replace({sql}, '{character}', '{spelled}')"
    return f"normalize(translate({sql}, '{_FROM}{_MARKS}', '{_TO}'), NFKC)"
