"""Cells of CSV that no spreadsheet takes for a formula."""

import json
from typing import Any

# What a spreadsheet would take for a formula (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def cell(value: Any) -> str:
    """A value as a cell of CSV, which no spreadsheet takes for a formula."""
    written = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str("" if value is None else value)
    return f"'{written}" if written.startswith(_FORMULA) else written
