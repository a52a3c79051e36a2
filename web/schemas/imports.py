"""Imports: a recipient list in, a result for each of its rows out."""

from collections.abc import Sequence
from typing import Any

from flask import request
from pydantic import Field

from shared.checks.verdict import Verdict
from shared.errors import Invalid, Reason, Refused, Who
from shared.invitations.create import MAX_PER_REQUEST, InviteResult
from shared.invitations.dry_run import DryRunResult
from shared.permissions import Role
from shared.recipient_lists import reading
from shared.recipient_lists.reading import Row, Table
from web.schemas.base import Body, Out
from web.schemas.batch import ResultOut, result_out
from web.schemas.validation import parse_or_refuse

TEXTS = ("text/csv", "text/tab-separated-values", "text/plain")
"""The media types that a list can have besides JSON."""


class ImportRow(Body):
    """A JSON row, with each cell as a person would write it."""

    email: str | None = None
    role: str | None = None
    message: str | None = None
    name: str | None = None


class ImportBody(Body):
    """Up to 1,000 rows with the cells `email`, `role`, and optionally `message` and `name`."""

    rows: list[Any] = Field(
        min_length=1,
        max_length=MAX_PER_REQUEST,
        description="One person per row: `email`, `role`, and optionally `message` and `name`.",
        json_schema_extra={"items": {"type": "object"}},
    )


class ImportQuery(Body):
    """Options of an import."""

    dry_run: bool = Field(default=False, description="Check each row without recording or sending anything.")
    role: Role | None = Field(default=None, description="The role for rows without one, which are otherwise refused.")


class ImportResultOut(ResultOut):
    """The result of a row. `line` counts from 1; a line of a plain list can have several people.

    In a dry run, `verdict` is the result of the checks, and `invitation` is null.
    """

    line: int
    email: str
    role: Role | None
    verdict: Verdict | None


class ImportOut(Out):
    """The results of all rows, in their order, and how the list was decoded."""

    results: list[ImportResultOut]
    encoding: str = Field(description="The encoding of the bytes, such as `utf-8` or `windows-1252`.")
    ignored_columns: list[str] = Field(description="Columns that were ignored.")


def table_of(body: ImportBody | None) -> Table:
    """Read the request's list from its JSON or its text. Raises `Invalid` unless it has 1 to 1,000 rows."""
    if body is not None:
        return Table([_row(line, cells) for line, cells in enumerate(body.rows, 1)])
    table = reading.read(request.get_data(), charset=request.mimetype_params.get("charset"), most=MAX_PER_REQUEST)
    if not 1 <= len(table.rows) <= MAX_PER_REQUEST:
        raise Invalid([("rows", f"Send 1 to {MAX_PER_REQUEST:,} rows at once.")])
    return table


def import_out(table: Table, rows: Sequence[Row], results: Sequence[InviteResult | DryRunResult]) -> dict[str, Any]:
    """Present the results of an import, with every field of `ImportOut`."""
    shown = [_result(index, row, result) for index, (row, result) in enumerate(zip(rows, results, strict=True))]
    return {"results": shown, "encoding": table.encoding, "ignored_columns": list(table.ignored_columns)}


def _row(line: int, cells: Any) -> Row:
    try:
        body = parse_or_refuse(lambda: ImportRow.model_validate(cells))
    except Invalid as error:
        problems = " ".join(f"{field}: {message}" if field else message for field, message in error.errors[:5])
        return Row(line, "", flaw=Reason(error.code, problems, "Correct the row.", Who.INVITER))
    return reading.row(line, "", email=body.email or "", role=body.role or "", message=body.message or "")


def _result(index: int, row: Row, result: InviteResult | DryRunResult) -> dict[str, Any]:
    about = {"line": row.line, "email": row.email, "role": row.role, "verdict": None}
    if not isinstance(result, DryRunResult):
        return result_out(index, result) | about
    about["verdict"] = result.verdict
    if result.verdict is Verdict.DENY:
        return result_out(index, Refused(result.reasons)) | about
    tried = {"index": index, "status": 202, "invitation": None, "code": None, "errors": None}
    return tried | {"reasons": result.reasons or None} | about
