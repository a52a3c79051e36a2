"""Imports: a table of people to invite."""

from flask import Response

from shared.permissions import Permission
from shared.services import importing
from shared.services.importing import Terms
from web.bodies import LARGE
from web.call import call, v1, written
from web.database import at_once, transaction
from web.guard import actor, requires
from web.idempotent import idempotent
from web.kit import kit
from web.schemas.imports import TEXTS, ImportBody, ImportOut, ImportQuery, import_out, table_of


@v1.post("/accounts/<account_id>/invitations/import")
@requires(Permission.TEAM_EDIT)
@idempotent
@call(
    "Invitations",
    body=ImportBody,
    query=ImportQuery,
    answers=ImportOut,
    status=207,
    problems=(409, 413),
    example={"rows": [{"email": "carol@corp.example", "role": "Finance analyst"}, {"email": "dan@corp.example"}]},
    texts=TEXTS,
    max_body=LARGE,
)
def import_invitations(account_id: str, body: ImportBody | None, query: ImportQuery) -> Response:
    """Invite everybody in a table of up to 1,000 rows and 2 MB. Each row has a result with its line number.

    The table is CSV, tab-separated, or a list of addresses, in UTF-8, UTF-16 or Windows-1252. A row that isn't
    understood is refused, and nothing takes the place of an unknown role. `?role=` is for rows that have none.
    """
    table = table_of(body)
    rows = importing.settled(table.rows, role=query.role)
    if query.dry_run:
        with transaction() as session:
            tried = importing.try_rows(session, actor=actor(), rules=kit().rules, account_id=account_id, rows=rows)
        return written(import_out(table, rows, tried), 207)
    with at_once() as asked:
        made = importing.invite_rows(
            asked, actor=actor(), rules=kit().rules, account_id=account_id, rows=rows, terms=Terms()
        )
    return written(import_out(table, rows, made), 207)
