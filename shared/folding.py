"""Letters that a search takes for one another: accents, case, full-width forms, and letters like ł and ø.

One table for both sides: `fold` is what Python makes of a query, `folded_sql` what PostgreSQL makes of a row. Neither
changes the case of Latin letters, because what compares them afterwards does that (`to_tsvector`, `ILIKE`). Greek and
Cyrillic capitals are in the table: a database of the locale C knows the case of ASCII alone.
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
    """The text with each letter as its plainest form: `Łukasz` is `lukasz` but for case, `Straße` is `Strasse`."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", text).translate(_TABLE))


def folded_sql(expression: str) -> str:
    """The same of an SQL expression, IMMUTABLE and so fit for an index; the database has to be UTF-8."""
    sql = f"normalize({expression}, NFKD)"
    for character, spelled in _SPELLED_OUT.items():
        sql = f"replace({sql}, '{character}', '{spelled}')"
    return f"normalize(translate({sql}, '{_FROM}{_MARKS}', '{_TO}'), NFKC)"
