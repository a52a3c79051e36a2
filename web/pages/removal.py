"""Removing a member: what it would end, and the address typed to confirm it; of one's own membership, leaving."""

from flask import Response

from shared.email_address import BadAddress, parse
from shared.errors import Invalid
from shared.permissions import Permission
from shared.services import team
from shared.services.team import Ending
from web import auth
from web.database import transaction
from web.guard import actor, member
from web.pages import done, form, place
from web.pages.languages import N_
from web.pages.site import site
from web.schemas.team import RemovalForm


@site.get("/accounts/<account_id>/members/<member_id>/remove")
@member
def show_removal(account_id: str, member_id: str) -> str:
    """Show what removing a member would end; nothing changes."""
    return place.page("pages/removal.html", account_id, ending=_ending(account_id, member_id))


@site.post("/accounts/<account_id>/members/<member_id>/remove")
@done.or_before
@member
def remove(account_id: str, member_id: str) -> Response:
    """Remove the member once their address was typed."""
    ending = _ending(account_id, member_id)

    def act() -> None:
        _refuse_another(form.filled(RemovalForm).address, ending)
        with transaction() as session:
            team.remove(session, actor=actor(), account_id=account_id, membership_id=member_id)

    left = ending.user.id == auth.user().id
    try:
        return done.redirect("/accounts" if left else f"/accounts/{account_id}/team", act)
    except form.REFUSALS as refusal:
        return place.again("pages/removal.html", account_id, refusal, ending=ending)


def _ending(account_id: str, member_id: str) -> Ending:
    with transaction() as session:
        ending = team.ending(session, account_id=account_id, membership_id=member_id)
    if ending.user.id != auth.user().id:
        actor().require(Permission.TEAM_EDIT)
    return ending


def _refuse_another(typed: str, ending: Ending) -> None:
    try:
        same = parse(typed).key == ending.user.email_key
    except BadAddress:
        same = False
    if not same:
        raise Invalid([("address", N_("That is another address. Type the one that stands above."))])
