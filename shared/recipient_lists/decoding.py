"""Bytes of a file as text, and the encoding that they turned out to be in.

What can't be read becomes U+FFFD, which refuses its row later.
"""

import codecs
import re

from shared.errors import Invalid

WORKBOOK = "This isn't a text file. Save the sheet as CSV and choose that file."

UNKNOWN_CHARSET = "We don't know this character set. Use UTF-8."

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""In this order: the mark of UTF-32 begins with that of UTF-16."""

_NOT_TEXT = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF", b"\x1f\x8b")
"""How workbooks (.xlsx, .ods, .xls), PDF files and archives begin."""

_MULTIBYTE = re.compile(rb"[\xc2-\xf4][\x80-\xbf]")
_LINE = re.compile(rb"[^\r\n]*[\r\n]*")
_NOT_WESTERN = re.compile(r"[^\W\d_a-zA-Z]{3}|[^\W\d_][¤¥£¦¬¯²³¹´µ¶¸¼½¾×÷]|[¤¥£¦¬¯²³¹´µ¶¸¼½¾×÷](?=[^\W\d_])")
"""Three accented letters in a row, or a sign within a word: text of another code page, read as Windows-1252."""


def decode(data: bytes, charset: str | None = None) -> tuple[str, str]:
    """The text and its encoding: by its mark, else `charset` if it is given, else UTF-8, UTF-16 or Windows-1252.

    Raises `Invalid` for files that aren't text, and for a `charset` that isn't known.
    """
    if data.startswith(_NOT_TEXT):
        raise Invalid([("file", WORKBOOK)])
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, errors="replace"), encoding
    if charset:
        return _declared(data, charset)
    if wide := _wide(data):
        return data.decode(wide, errors="replace"), wide
    try:
        return data.decode(), "utf-8"
    except UnicodeDecodeError:
        pass
    if _is_torn_utf8(data):
        return data.decode(errors="replace"), "utf-8"
    return "".join(map(_western, _LINE.findall(data))), "windows-1252"


def _declared(data: bytes, charset: str) -> tuple[str, str]:
    try:
        encoding = codecs.lookup(charset).name
        return data.decode(encoding, errors="replace"), encoding
    except (LookupError, ValueError):
        raise Invalid([("charset", UNKNOWN_CHARSET)]) from None


def _wide(data: bytes) -> str | None:
    """UTF-16 without a mark, where that is certain: every other byte is mostly zero, and none of the others is."""
    if len(data) < 4 or len(data) % 2:
        return None
    for encoding, high, low in (("utf-16-le", data[1::2], data[::2]), ("utf-16-be", data[::2], data[1::2])):
        if high.count(0) * 2 > len(high) and b"\0" not in low:
            return encoding
    return None


def _is_torn_utf8(data: bytes) -> bool:
    """Whether the rest of a file with bad bytes is UTF-8: some line that isn't ASCII alone reads as such."""
    return any(_reads(line) for line in data.splitlines() if _MULTIBYTE.search(line))


def _reads(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _western(line: bytes) -> str:
    text = line.decode("cp1252", errors="replace")
    return line.decode("ascii", errors="replace") if _NOT_WESTERN.search(text) else text
