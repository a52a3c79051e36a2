"""Parse a body, a query or a form, with a sentence for each invalid field."""

from collections.abc import Callable
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from shared.errors import Invalid, Unreadable

Parsed = TypeVar("Parsed", bound=BaseModel)


MOST_ERRORS = 20
"""The most invalid fields that a response names; it also says how many there are."""


_LONGEST_NAME = 100


def parse_or_refuse(parse: Callable[[], Parsed]) -> Parsed:
    """Return what `parse` builds from a body, a query or a form.

    Raises `Invalid`, which names the invalid fields, or `Unreadable` for a body that is not JSON.
    """
    try:
        return parse()
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
    if any(problem["type"] == "json_invalid" for problem in found):
        raise Unreadable("The body is not JSON. Nothing was changed.", remedy="Send one JSON object.")
    errors = [(_shortened(".".join(map(str, problem["loc"]))), _sentence(problem)) for problem in found[:MOST_ERRORS]]
    raise Invalid(errors, count=len(found))


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"


_MESSAGES = {
    "missing": "This is missing.",
    "extra_forbidden": "Unknown field.",
    "string_type": "Use text.",
    "bool_parsing": "Use true or false.",
    "enum": "Use one of {expected}.",
    "literal_error": "Use one of {expected}.",
    "string_too_short": "At least {min_length} characters.",
    "string_too_long": "{max_length} characters at the most.",
    "int_parsing": "Has to be a whole number.",
    "greater_than_equal": "{ge} at the least.",
    "less_than_equal": "{le} at the most.",
    "too_short": "At least {min_length} are needed.",
    "too_long": "{max_length} at the most.",
}


def _sentence(problem: ErrorDetails) -> str:
    if problem["type"] in {"string_too_short", "too_short"} and problem.get("ctx", {}).get("min_length") == 1:
        return "Must not be empty."
    if problem["type"] in _MESSAGES:
        return _MESSAGES[problem["type"]].format(**problem.get("ctx", {}))
    message = problem["msg"].removeprefix("Value error, ")
    return message if message.endswith(".") else message + "."
