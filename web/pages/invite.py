"""Add new user: one address or many, one role, and the result of each.

Many are invited a portion at a time where a script sends the form, so that the page shows how far it is. The list, how
many of it are done and their results travel in the form. Without scripts all are invited at once.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Response, render_template, request

from shared.errors import Invalid, Reason, Refused, Who
from shared.invitations import create, dry_run, list_import
from shared.invitations.create import MAX_PER_REQUEST, CreatedInvitation
from shared.invitations.list_import import Terms
from shared.permissions import Permission
from shared.recipient_lists import decoding, reading
from shared.recipient_lists.reading import Row, Table
from shared.team import listing
from shared.team.listing import TeamRow
from web.auth.guards import actor, requires
from web.context import app_context
from web.database import autocommit_or_transaction, transaction
from web.http.body_limits import LARGE, takes
from web.http.csv_cells import cell
from web.schemas.forms import InviteForm, ResultsForm
from web.ui import account_page, forms, i18n, visitor
from web.ui.blueprint import site
from web.ui.form_once import Press, once, recall
from web.ui.i18n import N_

NO_ADDRESSES = N_("Enter at least one email address.")
TOO_MANY = N_("You can invite up to 1,000 people at once.")
NO_ROLE = N_("Choose a role.")

LIFETIMES = (1, 3, 7, 14, 30)
"""For how many days one can let an invitation stand, beside the account's usual span."""

PORTION = 100
"""How many are invited before the page shows how far it is."""


@dataclass(frozen=True, slots=True)
class LineResult:
    """The result of one row: an invitation, as a row of the team, or the reasons why there is none."""

    row: Row
    entry: TeamRow | None = None
    reasons: tuple[Reason, ...] = ()

    @property
    def cells(self) -> tuple[str, ...]:
        """The outcome as a line of the file of results."""
        sentences = " ".join(f"{reason.message} {reason.remedy}" for reason in self.reasons)
        codes = " ".join(reason.code for reason in self.reasons)
        return (
            str(self.row.line),
            cell(self.row.shown),
            "invited" if self.entry else "refused",
            codes,
            cell(sentences),
        )


@site.get("/accounts/<account_id>/team/invite")
@requires(Permission.TEAM_EDIT)
def show_invite(account_id: str) -> str:
    """Show the form; where nobody can be invited now, it says so before anybody types."""
    return account_page.page("pages/invite.html", account_id, **_shown(account_id))


@site.post("/accounts/<account_id>/team/invite")
@takes(LARGE)
@requires(Permission.TEAM_EDIT)
def invite(account_id: str) -> Response:
    """Invite each by itself, once, and show the results."""
    scripted = "HX-Request" in request.headers
    try:
        body = forms.body_of(InviteForm)
        lists = _lists(body)
        rows = _rows(body, lists)
        done = min(body.done + PORTION, len(rows)) if scripted else len(rows)
        press = once(lambda: _invited(account_id, body, lists, rows[body.done : done]))
    except forms.REFUSALS as refusal:
        return account_page.show_again("pages/invite.html", account_id, refusal, **_shown(account_id))
    results = f"/accounts/{account_id}/team/invite/{press.handle}"
    if not scripted:
        return visitor.redirect(results)
    if not body.done and done == len(rows):
        # A script would follow a 303 itself; by this header the browser goes there.
        return Response(status=204, headers={"HX-Redirect": results})
    shown = _results(account_id, press, body) | {"table": lists.text, "total": len(rows), "done": done}
    shown["results"] = body.results + shown["results"]
    return Response(render_template("pages/invited.html", account_id=account_id, **shown))


@site.get("/accounts/<account_id>/team/invite/<handle>")
@requires(Permission.TEAM_EDIT)
def show_invited(account_id: str, handle: str) -> str:
    """Show the results, and the form with the rows that were refused."""
    press = recall(handle)
    body = InviteForm.model_validate(press.outcome["body"])
    shown = _shown(account_id) | _results(account_id, press, body)
    return account_page.page(
        "pages/invite.html", account_id, **shown, form=_left(body, press.outcome, shown["outcomes"])
    )


@site.post("/accounts/<account_id>/team/invite/check")
@takes(LARGE)
@requires(Permission.TEAM_EDIT)
def try_out(account_id: str) -> str:
    """Say beside each address what would come of inviting it; nothing is recorded, nothing is sent."""
    body = forms.body_of(InviteForm)
    # No check depends on which of the assignable roles it is, and none may be chosen yet.
    role = body.role or min(actor().assignable)
    rows = list_import.settled(reading.read(body.addresses, most=MAX_PER_REQUEST).rows, role=role)[:PORTION]
    with transaction() as session:
        found = list_import.try_rows(
            session, actor=actor(), policy=app_context().policy, account_id=account_id, rows=rows
        )
    return render_template("pages/trials.html", trials=zip(rows, found, strict=True), several=len(rows) > 1)


@site.post("/accounts/<account_id>/team/invite/results.csv")
@takes(LARGE)
@requires(Permission.TEAM_EDIT)
def download_results(account_id: str) -> Response:
    """Give back the result of each row, as a file to keep."""
    del account_id
    body = forms.body_of(ResultsForm)
    head = _written([("line", "email", "result", "codes", "what to do")])
    disposition = {"Content-Disposition": 'attachment; filename="invitations.csv"'}
    return Response(head + body.results, content_type="text/csv; charset=utf-8", headers=disposition)


@dataclass(frozen=True, slots=True)
class Lists:
    """What was typed and the file, each by itself; `text` is the file's, to be sent again."""

    typed: Table
    file: Table
    text: str
    encoding: str

    @property
    def rows(self) -> list[Row]:
        """All rows, in their order."""
        return [*self.typed.rows, *self.file.rows]


def _lists(body: InviteForm) -> Lists:
    file = request.files.get("file")
    text, encoding = decoding.decode(file.read()) if file and not body.table else (body.table, "utf-8")
    return Lists(
        reading.read(body.addresses, most=MAX_PER_REQUEST), reading.read(text, most=MAX_PER_REQUEST), text, encoding
    )


def _rows(body: InviteForm, lists: Lists) -> list[Row]:
    """The rows of both lists, with the form's role where they have none."""
    if not lists.rows:
        raise Invalid([("addresses", NO_ADDRESSES)])
    if len(lists.rows) > MAX_PER_REQUEST:
        raise Invalid([("addresses", TOO_MANY)])
    if body.role is None and _needs_role(lists):
        raise Invalid([("role", NO_ROLE)])
    return list_import.settled(lists.rows, role=body.role)


def _needs_role(lists: Lists) -> bool:
    """True where addresses were typed without roles, or no row at all has one."""
    typed = () if lists.typed.header else lists.typed.rows
    rows = lists.rows if not any(row.written_role for row in lists.rows) else typed
    return any(row.flaw is None and row.role is None for row in rows)


def _invited(account_id: str, body: InviteForm, lists: Lists, rows: Sequence[Row]) -> dict[str, Any]:
    """Invite each; the results, and the form's list, as `_results` and `_left` read them again."""
    lifetime = timedelta(hours=body.hours) if body.hours else None
    terms = Terms(body.message or None, lifetime, i18n.language())
    with autocommit_or_transaction() as connection:
        results = list_import.invite_rows(
            connection, actor=actor(), policy=app_context().policy, account_id=account_id, rows=rows, terms=terms
        )
    table = lists.typed if lists.typed.rows else lists.file
    return {
        "body": body.model_dump(mode="json", include={"role", "message"}),
        "came": [[row.line, row.source, row.email, *_came(found)] for row, found in zip(rows, results, strict=True)],
        "header": table.header,
        "kept": len(table.rows),
        "encoding": lists.encoding,
    }


def _came(found: CreatedInvitation | Refused) -> tuple[str | None, list[dict[str, str]]]:
    if isinstance(found, Refused):
        return None, [reason.as_json() for reason in found.reasons]
    return found.id, []


def _results(account_id: str, press: Press, body: InviteForm) -> dict[str, Any]:
    """What a page of results shows; where it is the only one, all rows are done."""
    came = press.outcome["came"]
    with transaction() as session:
        created = [invitation_id for *_, invitation_id, _ in came if invitation_id]
        entries = listing.invited(session, account_id=account_id, invitation_ids=created)
    outcomes = [
        LineResult(Row(line, source, email), entries.get(invitation_id), tuple(_reason(**reason) for reason in reasons))
        for line, source, email, invitation_id, reasons in came
    ]
    results = _written(outcome.cells for outcome in outcomes)
    shown = {"outcomes": outcomes, "body": body, "results": results, "encoding": press.outcome["encoding"]}
    return shown | {"total": len(outcomes), "done": len(outcomes), **account_page.row_context()}


def _reason(code: str, message: str, remedy: str, who: str) -> Reason:
    return Reason(code, message, remedy, Who.from_row(who))


def _left(body: InviteForm, outcome: dict[str, Any], outcomes: Sequence[LineResult]) -> forms.Form:
    """The form with the rows that were refused still in it, as they were written, to be corrected and sent again."""
    refused = [each.row.source for each in outcomes[: outcome["kept"]] if each.entry is None]
    text = "\n".join([outcome["header"], *refused] if outcome["header"] and refused else refused)
    return forms.Form({"addresses": text, "role": body.role or "", "message": body.message or ""}, {}, "")


def _written(rows: Iterable[Iterable[str]]) -> str:
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    return file.getvalue()


def _shown(account_id: str) -> dict[str, Any]:
    with transaction() as session:
        stopped = dry_run.reasons_not_to_invite(
            session, actor=actor(), policy=app_context().policy, account_id=account_id
        )
        usual = create.lifetime(session, policy=app_context().policy, account_id=account_id)
    lifetimes = [span for span in map(timedelta, LIFETIMES) if span != usual]
    shown = {"stopped": stopped, "assignable": sorted(actor().assignable), "outcomes": ()}
    return shown | {"usual": usual, "lifetimes": lifetimes}
