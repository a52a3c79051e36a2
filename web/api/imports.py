"""Imports of recipient lists."""

from flask import Response

from shared.invitations import list_import
from shared.invitations.list_import import Terms
from shared.permissions import Permission
from web.auth.guards import actor, requires
from web.context import app_context
from web.database import autocommit_or_transaction, transaction
from web.http import rate_limit_headers
from web.http.body_limits import LARGE
from web.http.endpoint import endpoint, json_response, v1
from web.http.idempotency import idempotent
from web.schemas.imports import TEXTS, ImportBody, ImportOut, ImportQuery, import_out, table_of


@v1.post("/accounts/<account_id>/invitations/import")
@requires(Permission.TEAM_EDIT)
@idempotent
@endpoint(
    "Invitations",
    body=ImportBody,
    query=ImportQuery,
    response=ImportOut,
    status=207,
    problems=(409, 413),
    example={"rows": [{"email": "carol@corp.example", "role": "Finance analyst"}, {"email": "dan@corp.example"}]},
    texts=TEXTS,
    max_body=LARGE,
)
def import_invitations(account_id: str, body: ImportBody | None, query: ImportQuery) -> Response:
    """Invite everyone in a list of up to 1,000 rows and 2 MB.

    The list is CSV, tab-separated, or plain addresses, in UTF-8, UTF-16 or Windows-1252. Each row has a result with its
    line number. A row that can't be understood is refused, and an unknown role is never replaced. `?role=` applies to
    rows without a role.
    """
    table = table_of(body)
    rows = list_import.settled(table.rows, role=query.role)
    if query.dry_run:
        with transaction() as session:
            tried = list_import.try_rows(
                session, actor=actor(), policy=app_context().policy, account_id=account_id, rows=rows
            )
        return json_response(import_out(table, rows, tried), 207)
    with autocommit_or_transaction() as connection:
        made = list_import.invite_rows(
            connection, actor=actor(), policy=app_context().policy, account_id=account_id, rows=rows, terms=Terms()
        )
    return json_response(import_out(table, rows, made), 207, rate_limit_headers.headers_of_results(made))
