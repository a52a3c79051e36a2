"""Common rules of all bodies: unknown fields are refused, text is limited and storable, times are RFC 3339."""

import re
import unicodedata
from datetime import date
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)

from shared.accounts.passwords import LONGEST, SHORTEST
from shared.codes import CODES
from shared.visible_text import is_visible

_LINKLIKE = ("://", "www.", "@")
_WRITTEN_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_PHONE = re.compile(r"(?:\d[ .()/-]{0,3}){7}")
_YEAR, _MONTH, _DAY = r"(?:19|20)\d\d", r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12]\d|3[01])"
_DATE = re.compile(
    rf"(?<!\d)(?:{_YEAR}(?:[-./]{_MONTH}[-./]{_DAY}|(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))"
    rf"|{_DAY}[-./]{_MONTH}[-./]{_YEAR}|{_MONTH}[-./]{_DAY}[-./]{_YEAR})(?!\d)"
)


def _storable(text: str) -> str:
    if "\0" in text or (not text.isascii() and any("\ud800" <= sign <= "\udfff" for sign in text)):
        raise ValueError("Holds a character that is not text.")
    return text


def _label(text: str) -> str:
    text = unicodedata.normalize("NFC", " ".join(text.split()))
    if not text:
        raise ValueError("Must not be empty.")
    if not is_visible(text):
        raise ValueError("Holds a character that can't be seen.")
    return text


def _name(text: str) -> str:
    text = _label(text)
    plain = unicodedata.normalize("NFKC", text).lower()
    if _PHONE.search(_DATE.sub("x", plain)):
        raise ValueError("Must not hold a phone number: names stand in emails to others.")
    if any(part in plain for part in _LINKLIKE):
        raise ValueError("Must not hold an address of a site or a mailbox: names stand in mails to others.")
    return text


def _written(value: Any) -> Any:
    """Refuse numbers and strings of digits, which pydantic would read as seconds since 1970."""
    if isinstance(value, (int, float)) or (isinstance(value, str) and not _WRITTEN_DAY.match(value)):
        raise ValueError("Write it as in 2026-12-31, a time as in 2026-12-31T23:59:59Z.")
    return value


Text = Annotated[str, AfterValidator(_storable)]
Name = Annotated[str, StringConstraints(max_length=100), AfterValidator(_storable), AfterValidator(_name)]
Label = Annotated[str, StringConstraints(max_length=100), AfterValidator(_storable), AfterValidator(_label)]
"""A name that no email to a stranger shows, so it can hold numbers and addresses."""
Moment = Annotated[AwareDatetime, BeforeValidator(_written)]
Day = Annotated[date, BeforeValidator(_written)]
Email = Annotated[Text, Field(max_length=1000, description="An email address.", examples=["bob@corp.example"])]
Token = Annotated[Text, Field(min_length=1, max_length=200, description="The token from the link.")]
NewPassword = Annotated[
    str,
    Field(min_length=SHORTEST, max_length=LONGEST, description=f"{SHORTEST} to {LONGEST} characters, of any kind."),
    AfterValidator(_storable),
]
Locale = Annotated[
    str, Field(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$", description="A language tag, such as `en`, `de` or `pt-BR`.")
]


class Body(BaseModel):
    """A request body or query."""

    model_config = ConfigDict(extra="forbid")


class Out(BaseModel):
    """A response body, built from a row or a mapping."""

    model_config = ConfigDict(from_attributes=True)


class PageQuery(Body):
    """The page of a list."""

    limit: int = Field(default=50, ge=1, le=200, description="Maximum number of results, 1 to 200.")
    cursor: str | None = Field(default=None, max_length=200, description="`next_cursor` of the previous page.")


_CODES = list(CODES)
Code = Annotated[str, WithJsonSchema({"type": "string", "enum": _CODES})]
StoredCode = Annotated[str, WithJsonSchema({"anyOf": [{"type": "string", "enum": _CODES}, {"type": "string"}]})]
"""A reason why a check did not pass. `code` is stable, and `who` can fix it."""


class ReasonOut(Out):
    """Why a check did not simply say yes: `code` is stable, `who` can fix it."""

    code: StoredCode
    message: str
    remedy: str
    who: str


class FieldError(Out):
    """An invalid field, and the reason."""

    field: str
    message: str


class Problem(Out):
    """An error (RFC 9457). `code` is stable. `reasons` lists failed checks, `errors` invalid fields."""

    type: str
    title: str
    status: int
    detail: str
    code: Code
    remedy: str | None = None
    request_id: str | None = None
    permission: str | None = None
    reasons: list[ReasonOut] | None = None
    errors: list[FieldError] | None = Field(default=None, description="The first 20 invalid fields.")
    error_count: int | None = Field(default=None, description="The total number of invalid fields.")
