"""Removal of a member: a preview, and the address typed as confirmation. Removing yourself is leaving the account."""

from flask import Response

from shared.email_address import BadAddress, parse
from shared.errors import Invalid
from shared.permissions import Permission
from shared.team import changes
from shared.team.changes import RemovalPreview
from web.auth import identity
from web.auth.guards import actor, member
from web.database import transaction
from web.schemas.forms import RemovalForm
from web.ui import account_page, form_results, forms
from web.ui.blueprint import site
from web.ui.i18n import N_


@site.get("/accounts/<account_id>/members/<member_id>/remove")
@member
def show_removal(account_id: str, member_id: str) -> str:
    """Show what removing a member would end. Nothing changes."""
    return account_page.page("pages/removal.html", account_id, ending=_ending(account_id, member_id))


@site.post("/accounts/<account_id>/members/<member_id>/remove")
@form_results.or_before
@member
def remove(account_id: str, member_id: str) -> Response:
    """Remove the member if the typed address matches."""
    ending = _ending(account_id, member_id)

    def act() -> None:
        _refuse_another(forms.body_of(RemovalForm).address, ending)
        with transaction() as session:
            changes.remove(session, actor=actor(), account_id=account_id, membership_id=member_id)

    left = ending.user.id == identity.user().id
    try:
        return form_results.redirect("/accounts" if left else f"/accounts/{account_id}/team", act)
    except forms.REFUSALS as refusal:
        return account_page.show_again("pages/removal.html", account_id, refusal, ending=ending)


def _ending(account_id: str, member_id: str) -> RemovalPreview:
    with transaction() as session:
        ending = changes.preview_removal(session, account_id=account_id, membership_id=member_id)
    if ending.user.id != identity.user().id:
        actor().require(Permission.TEAM_EDIT)
    return ending


def _refuse_another(typed: str, ending: RemovalPreview) -> None:
    try:
        same = parse(typed).key == ending.user.email_key
    except BadAddress:
        same = False
    if not same:
        raise Invalid([("address", N_("That is another address. Type the one that stands above."))])
