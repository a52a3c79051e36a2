"""CSV cells that no spreadsheet takes for a formula."""

import json
from typing import Any

# Characters that start a formula in spreadsheets (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def cell(value: Any) -> str:
    """Format a value as a CSV cell. Text that looks like a formula gets a leading apostrophe."""
    written = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str("" if value is None else value)
    return f"'{written}" if written.startswith(_FORMULA) else written
