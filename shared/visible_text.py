"""Visible characters in user text, and the places where an email client would create a link."""

import re
import unicodedata

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# By category these are alphabetic characters, marks or symbols, but they show nothing.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_JOINERS = frozenset("\u200c\u200d")
# Scripts in which a joiner between two characters changes their shape.
_JOINED_SCRIPTS = frozenset(
    {"ARABIC", "SYRIAC", "MONGOLIAN", "DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI", "ORIYA", "TAMIL", "TELUGU"}
    | {"KANNADA", "MALAYALAM", "SINHALA", "KHMER", "MYANMAR", "TIBETAN", "NKO", "MANDAIC"}
)
_EMOJI_JOINER = "\u200d"

_DOTS = ".\u2024\u3002\ufe12\ufe52\uff0e\uff61"
_LINK_STARTS = re.compile(
    rf"(?<=[^\s{_DOTS}])[{_DOTS}](?=[^\s\d!-/:-@\[-`{{-~{_DOTS}])"
    r"|(?<=\S)[:\uff1a](?=[/\uff0f\u2044\u2215]{2})|(?<=\S)[@\uff20\ufe6b](?=\S)"
)


def is_visible(text: str) -> bool:
    """Return True if every character is visible or joins two visible characters or emoji."""
    return (text.isascii() and text.isprintable()) or all(map(_is_shown, *_neighbours(text)))


def without_hidden(text: str) -> str:
    """The text without invisible characters. Line breaks stay, and other whitespace becomes a plain space."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_kept(*each) for each in zip(*_neighbours(text), strict=True))


def without_links(text: str) -> str:
    """The text with a space wherever an email client would see the start of a link."""
    return _LINK_STARTS.sub(lambda found: f"{found[0]} ", text)


def _neighbours(text: str) -> tuple[str, str, str]:
    return "\0" + text[:-1], text, text[1:] + "\0"


def _kept(before: str, sign: str, after: str) -> str:
    if sign == "\n" or _is_shown(before, sign, after):
        return sign
    return " " if sign.isspace() else ""


def _is_shown(before: str, sign: str, after: str) -> bool:
    if sign in _JOINERS:
        return _joins(before, after) or (sign == _EMOJI_JOINER and _is_emoji(before) and _is_emoji(after))
    return sign not in _BLANK and unicodedata.category(sign) not in _HIDDEN


def _joins(before: str, after: str) -> bool:
    return _script(before) in _JOINED_SCRIPTS and _script(after) in _JOINED_SCRIPTS


def _script(sign: str) -> str:
    return unicodedata.name(sign, "").partition(" ")[0] if unicodedata.category(sign)[0] in "LM" else ""


def _is_emoji(sign: str) -> bool:
    return unicodedata.category(sign) in {"So", "Sk"} or sign == "\ufe0f"
