"""What an account decides for itself: its name, how long invitations last, after its contract, and whom it invites."""

from collections.abc import Callable
from typing import Any

from flask import Response

from shared.errors import PermissionDenied
from shared.models import LapsedContract, PolicyException
from shared.permissions import Permission
from shared.services import accounts, exceptions, inviting
from web.database import transaction
from web.guard import actor, member, requires
from web.kit import kit
from web.pages import done, form, place, words
from web.pages.site import site
from web.schemas.team import ExceptionForm, SettingsForm

_MOST = 200


@site.get("/accounts/<account_id>/settings")
@member
def show_settings(account_id: str) -> str:
    """Show the settings; whoever may not change them sees them."""
    return place.page("pages/settings.html", account_id, **_shown(account_id))


@site.post("/accounts/<account_id>/settings")
@requires(Permission.ACCOUNT_EDIT)
def change_settings(account_id: str) -> Response:
    """Change the account's name, how long invitations last, or what a lapsed contract does."""

    def change() -> None:
        changes = form.filled(SettingsForm).changes()
        with transaction() as session:
            accounts.change(session, actor=actor(), account_id=account_id, changes=changes)

    return _acted(account_id, change)


@site.post("/accounts/<account_id>/exceptions")
@requires(Permission.TEAM_EDIT)
def add_exception(account_id: str) -> Response:
    """Block a domain, an address or a network, or say which domains alone are invited."""

    def add() -> None:
        body = form.filled(ExceptionForm)
        with transaction() as session:
            exceptions.add(session, actor=actor(), account_id=account_id, ends_at=None, **dict(body))

    return _acted(account_id, add)


@site.post("/accounts/<account_id>/exceptions/<exception_id>/remove")
@requires(Permission.TEAM_EDIT)
def remove_exception(account_id: str, exception_id: str) -> Response:
    """End an exception at once."""

    def remove() -> None:
        with transaction() as session:
            exceptions.remove(session, actor=actor(), account_id=account_id, exception_id=exception_id)

    return _acted(account_id, remove)


def _acted(account_id: str, act: Callable[[], None]) -> Response:
    try:
        return done.redirect(f"/accounts/{account_id}/settings", act)
    except (*form.REFUSALS, PermissionDenied) as refusal:
        return place.again("pages/settings.html", account_id, refusal, **_shown(account_id))


def _shown(account_id: str) -> dict[str, Any]:
    rows: list[PolicyException] = []
    with transaction() as session:
        usual = inviting.lifetime(session, rules=kit().rules, account_id=account_id)
        if actor().may(Permission.TEAM_VIEW):
            rows = exceptions.listed(session, account_id=account_id, after="", limit=_MOST)
    return {
        "lapses": list(LapsedContract),
        "rules": kit().settings,
        "usual": usual,
        "exceptions": rows,
        "effects": words.EFFECTS,
        "subjects": words.SUBJECTS,
    }
