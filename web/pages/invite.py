"""Add new user: one address or many, one role, and what became of each.

Many are invited a portion at a time where a script sends the form, so that the page shows how far it is; what is left
and what became of the others travel in the form. Without scripts all are invited at once.
"""

from dataclasses import astuple, dataclass
from datetime import timedelta
from typing import Any

from flask import Response, render_template, request

from shared.errors import Invalid, Reason, Refused, Who
from shared.permissions import Permission, Role
from shared.services import inviting, roster, trials
from shared.services.inviting import Made, Wish
from shared.services.roster import Entry
from web.api.audit import cell
from web.bodies import LARGE, takes
from web.database import at_once, transaction
from web.guard import actor, requires
from web.kit import kit
from web.pages import form, languages, pasted, place, team, visitor
from web.pages.languages import N_
from web.pages.once import Press, once, recall
from web.pages.pasted import Line
from web.pages.site import site
from web.schemas.team import InviteForm, ResultsForm

NOBODY = N_("Whom do you want to invite? Write at least one address.")
TOO_MANY = N_("1,000 at once at the most; invite the others after them.")

LIFETIMES = (1, 3, 7, 14, 30)
"""For how many days one can let an invitation stand, beside the account's usual span."""

PORTION = 100
"""How many are invited before the page shows how far it is."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one line: an invitation, as a row of the team, or the reasons why there is none."""

    line: Line
    entry: Entry | None = None
    reasons: tuple[Reason, ...] = ()

    @property
    def cells(self) -> tuple[str, ...]:
        """The outcome as a line of the file of results."""
        said = " ".join(f"{reason.message} {reason.remedy}" for reason in self.reasons)
        codes = " ".join(reason.code for reason in self.reasons)
        return (cell(self.line.email), "invited" if self.entry else "refused", codes, cell(said))


@site.get("/accounts/<account_id>/team/invite")
@requires(Permission.TEAM_EDIT)
def show_invite(account_id: str) -> str:
    """Show the form; where nobody can be invited now, it says so before anybody types."""
    return place.page("pages/invite.html", account_id, **_shown(account_id))


@site.post("/accounts/<account_id>/team/invite")
@takes(LARGE)
@requires(Permission.TEAM_EDIT)
def invite(account_id: str) -> Response | str:
    """Invite each by itself, and show what became of each."""
    scripted = "HX-Request" in request.headers
    try:
        body = form.filled(InviteForm)
        lines = _lines(body)
        now, later = (lines[:PORTION], lines[PORTION:]) if scripted else (lines, [])
        press = once(lambda: _invited(account_id, body, now))
    except form.REFUSALS as refusal:
        return place.again("pages/invite.html", account_id, refusal, **_shown(account_id))
    if not scripted:
        return visitor.send_on(f"/accounts/{account_id}/team/invite/{press.handle}")
    outcomes = _outcomes(account_id, press)
    shown = {
        "outcomes": outcomes,
        "body": body,
        "left": pasted.as_table(later) if later else "",
        "results": body.results + pasted.written(outcome.cells for outcome in outcomes),
        "total": body.total or len(lines),
        "done": (body.total or len(lines)) - len(later),
        **team.around(),
    }
    return render_template("pages/invited.html", account_id=account_id, **shown)


@site.get("/accounts/<account_id>/team/invite/<handle>")
@requires(Permission.TEAM_EDIT)
def show_invited(account_id: str, handle: str) -> str:
    """Show what came of each, and the form with those that were refused."""
    press = recall(handle)
    body, outcomes = InviteForm.model_validate(press.outcome["body"]), _outcomes(account_id, press)
    shown = {
        "outcomes": outcomes,
        "body": body,
        "left": "",
        "results": pasted.written(outcome.cells for outcome in outcomes),
        "total": len(outcomes),
        **team.around(),
    }
    return place.page("pages/invite.html", account_id, **_shown(account_id) | shown, form=_left(body, outcomes))


@site.post("/accounts/<account_id>/team/invite/check")
@takes(LARGE)
@requires(Permission.TEAM_EDIT)
def try_out(account_id: str) -> str:
    """Say beside each address what would come of inviting it; nothing is recorded, nothing is sent."""
    body = form.filled(InviteForm)
    lines = pasted.addresses(body.addresses)[:PORTION]
    with transaction() as session:
        asked = [(line.email, body.role) for line in lines]
        found = trials.try_out(session, actor=actor(), rules=kit().rules, account_id=account_id, asked=asked)
    return render_template("pages/trials.html", trials=zip(lines, found, strict=True))


@site.post("/accounts/<account_id>/team/invite/results.csv")
@takes(LARGE)
@requires(Permission.TEAM_EDIT)
def download_results(account_id: str) -> Response:
    """Give back what became of each line, as a file to keep."""
    del account_id
    body = form.filled(ResultsForm)
    head = pasted.written([("email", "result", "codes", "what to do")])
    disposition = {"Content-Disposition": 'attachment; filename="invitations.csv"'}
    return Response(head + body.results, content_type="text/csv; charset=utf-8", headers=disposition)


def _lines(body: InviteForm) -> list[Line]:
    file = request.files.get("file")
    text = body.table or (file.read().decode("utf-8", errors="replace").replace("\0", "") if file else "")
    lines = pasted.addresses(body.addresses) + pasted.table(text)
    if not lines:
        raise Invalid([("addresses", NOBODY)])
    if len(lines) > pasted.MOST:
        raise Invalid([("addresses", TOO_MANY)])
    return lines


def _invited(account_id: str, body: InviteForm, lines: list[Line]) -> dict[str, Any]:
    """Invite each; what came of it, for `_outcomes` to read again."""
    with at_once() as asked:
        made = inviting.invite_all(
            asked,
            actor=actor(),
            rules=kit().rules,
            account_id=account_id,
            wishes=[_wish(line, body) for line in lines],
        )
    came = [[astuple(line), *_came(found)] for line, found in zip(lines, made, strict=True)]
    return {"body": body.model_dump(mode="json", include={"role", "message"}), "came": came}


def _wish(line: Line, body: InviteForm) -> Wish:
    return Wish(
        line.email,
        _role(line, body),
        line.message[:1000] or body.message or None,
        timedelta(hours=body.hours) if body.hours else None,
        languages.spoken(),
    )


def _came(found: Made | Refused) -> tuple[str | None, list[dict[str, str]]]:
    if isinstance(found, Refused):
        return None, [reason.as_json() for reason in found.reasons]
    return found.id, []


def _outcomes(account_id: str, press: Press) -> list[Outcome]:
    came = press.outcome["came"]
    with transaction() as session:
        made = [invitation_id for _, invitation_id, _ in came if invitation_id]
        entries = roster.invited(session, account_id=account_id, invitation_ids=made)
    return [
        Outcome(Line(*line), entries.get(invitation_id), tuple(_reason(**reason) for reason in reasons))
        for line, invitation_id, reasons in came
    ]


def _reason(code: str, message: str, remedy: str, who: str) -> Reason:
    return Reason(code, message, remedy, Who(who))


def _left(body: InviteForm, outcomes: list[Outcome]) -> form.Form:
    """The form with whoever was refused still in it, to be corrected and sent again."""
    refused = "\n".join(outcome.line.email for outcome in outcomes if outcome.entry is None)
    return form.Form({"addresses": refused, "role": body.role, "message": body.message or ""}, {}, "")


def _role(line: Line, body: InviteForm) -> Role:
    return Role(line.role) if line.role in set(Role) else body.role


def _shown(account_id: str) -> dict[str, Any]:
    with transaction() as session:
        stopped = trials.in_the_way(session, actor=actor(), rules=kit().rules, account_id=account_id)
        usual = inviting.lifetime(session, rules=kit().rules, account_id=account_id)
    lifetimes = [span for span in map(timedelta, LIFETIMES) if span != usual]
    shown = {"stopped": stopped, "assignable": sorted(actor().assignable), "outcomes": ()}
    return shown | {"usual": usual, "lifetimes": lifetimes}
