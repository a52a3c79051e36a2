"""Why a row is refused before any check looks at it: what is wrong with it, and what to change."""

from shared.errors import Reason, Who


def quote_not_closed() -> Reason:
    """A quote opens a cell, and nothing closes it where a cell can end."""
    return _reason("quote_not_closed", "A quotation mark in this row isn't closed.", "Close it or remove it.")


def rows_within_quotes() -> Reason:
    """Between two quotes there are lines with addresses of their own."""
    message = "The text between this row's quotation marks contains what looks like other rows."
    return _reason("quote_not_closed", message, "Close the quotation mark in this row.")


def within_quotes_of(line: int) -> Reason:
    """The row is between the quotes of another one."""
    message = f"This row is between quotation marks that open in line {line}."
    return _reason("quote_not_closed", message, f"Close the quotation mark in line {line}.")


def address_missing() -> Reason:
    """There is nobody to invite in the row."""
    return _reason("address_missing", "This row has no email address.", "Add one or remove the row.")


def several_addresses() -> Reason:
    """The cell for one address has more of them."""
    return _reason("several_addresses", "This row has more than one email address.", "Use one row for each person.")


def not_understood(text: str) -> Reason:
    """A part of the row that is neither address nor name nor role."""
    remedy = "Remove it, or add a header row with the columns email, role and message."
    return _reason("row_not_understood", f"We can't tell what “{_short(text)}” is.", remedy)


def columns_not_understood(names: str) -> Reason:
    """Several columns could be the same thing, or a column with an unknown name looks like the roles."""
    message = f"We can't tell what these columns are: {_short(names)}."
    return _reason("columns_not_understood", message, "Name the columns email, role and message, each once.")


def header_not_understood(text: str) -> Reason:
    """The first line has no address and names no column that we know."""
    message = f"The first line, “{_short(text)}”, isn't a header that we know."
    return _reason("columns_not_understood", message, "Remove it, or name the columns email, role and message.")


def too_many_cells(found: int, named: int) -> Reason:
    """The row has cells beyond those that the header names, as an unquoted comma in a message makes."""
    message = f"This row has {found} cells, and the header has {named}."
    return _reason("too_many_cells", message, "Put quotation marks around text that contains the separator.")


def cell_too_long(most: int) -> Reason:
    """A cell has more characters than any message may have."""
    return _reason("cell_too_long", f"A cell has more than {most:,} characters.", "Shorten it.")


def not_readable() -> Reason:
    """Bytes that are no text in the file's encoding, or letters that were lost before."""
    message = "This row contains characters that can't be read."
    return _reason("row_not_readable", message, "Save the file as UTF-8 and import it again.")


def control_character() -> Reason:
    """A character that no text has, such as NUL."""
    message = "This row contains a control character."
    return _reason("row_not_readable", message, "Remove it, for example by typing the row again.")


def role_missing() -> Reason:
    """No role in the row, and none was given for such rows."""
    return _reason("role_missing", "This row has no role.", "Add a role to the row.")


def role_unknown(text: str, can_be: str, nearest: str | None) -> Reason:
    """No role is called so."""
    remedy = f"Use {can_be}."
    hint = f"Did you mean {nearest}? {remedy}" if nearest else remedy
    return _reason("role_unknown", f"“{_short(text)}” isn't a role.", hint)


def same_address(line: int) -> Reason:
    """Another row before has invited this address."""
    return _reason("same_address", f"The same address is in line {line}.", "Remove one of the two rows.")


def _reason(code: str, message: str, remedy: str) -> Reason:
    return Reason(code, message, remedy, Who.INVITER)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else f"{text[:59]}…"
