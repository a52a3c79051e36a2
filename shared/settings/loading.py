"""Reads the settings from the environment and reports every problem at once."""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from shared.errors import CannotRun
from shared.settings.environment import PREFIX
from shared.settings.settings import Settings


class BadSettings(CannotRun):
    """Raised when invalid settings prevent the start. The message lists every problem on its own line."""


def load(environ: Mapping[str, str]) -> Settings:
    """Load the settings from the environment. Raises `BadSettings` with every problem at once."""
    problems: list[str] = []
    values: dict[str, str] = {}
    for name in Settings.model_fields:
        variable = PREFIX + name.upper()
        path = environ.get(variable + "_FILE")
        if path is not None and variable in environ:
            problems.append(f"{variable} and {variable}_FILE are both set; keep one")
        elif path is not None:
            try:
                values[name] = Path(path).read_text().strip()
            except (OSError, UnicodeDecodeError) as error:
                problems.append(f"{variable}_FILE: {path} can't be read ({error})")
                values[name] = ""
        elif variable in environ:
            values[name] = environ[variable]
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        problems += [_sentence(problem["loc"], problem["type"], problem["msg"]) for problem in error.errors()]
    if problems:
        raise BadSettings("Usher can't start. Fix these settings:\n" + "\n".join(f"  - {line}" for line in problems))
    return settings


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Variables with Usher's prefix that are no setting, each with the nearest valid name."""
    known = {PREFIX + name.upper() + tail for name in Settings.model_fields for tail in ("", "_FILE")}
    strays = [name for name in environ if name.startswith(PREFIX) and not name.startswith(PREFIX + "TEST_")]
    lines = []
    for name in sorted(set(strays) - known):
        near = difflib.get_close_matches(name, known, n=1)
        lines.append(f"{name} is not a setting and is ignored" + (f"; did you mean {near[0]}?" if near else ""))
    return lines


# Matches pydantic's representation of a duration, to replace it with a readable one.
_SPAN = re.compile(r"datetime\.timedelta\((\w+)=(\d+)\)")


def _sentence(where: tuple[int | str, ...], kind: str, message: str) -> str:
    variable = PREFIX + str(where[0]).upper()
    if kind == "missing":
        field = Settings.model_fields[str(where[0])]
        return f"{variable} is missing. {field.description}"
    text = _SPAN.sub(r"\2 \1", message)
    return f"{variable}: {text.removeprefix('Value error, ')}"
