"""An account's settings: its name, the lifetime of invitations, the end of its contract, and who it can invite."""

from collections.abc import Callable
from typing import Any

from flask import Response

from shared.accounts import accounts
from shared.errors import PermissionDenied
from shared.invitations import create
from shared.models import LapsedContract, PolicyException
from shared.permissions import Permission
from shared.screening import overrides
from web.auth.guards import actor, member, requires
from web.context import app_context
from web.database import transaction
from web.schemas.forms import ExceptionForm, SettingsForm
from web.ui import account_page, form_results, forms, labels
from web.ui.blueprint import site

_MOST = 200


@site.get("/accounts/<account_id>/settings")
@member
def show_settings(account_id: str) -> str:
    """Show the settings; read-only for members who may not change them."""
    return account_page.page("pages/settings.html", account_id, **_shown(account_id))


@site.post("/accounts/<account_id>/settings")
@requires(Permission.ACCOUNT_EDIT)
def change_settings(account_id: str) -> Response:
    """Change the account's name, the lifetime of invitations, or what happens when its contract ends."""

    def change() -> None:
        changes = forms.body_of(SettingsForm).changes()
        with transaction() as session:
            accounts.change(session, actor=actor(), account_id=account_id, changes=changes)

    return _acted(account_id, change)


@site.post("/accounts/<account_id>/exceptions")
@requires(Permission.TEAM_EDIT)
def add_exception(account_id: str) -> Response:
    """Block a domain, an address or a network, or allow only certain domains."""

    def add() -> None:
        body = forms.body_of(ExceptionForm)
        with transaction() as session:
            overrides.add(session, actor=actor(), account_id=account_id, ends_at=None, **dict(body))

    return _acted(account_id, add)


@site.post("/accounts/<account_id>/exceptions/<exception_id>/remove")
@requires(Permission.TEAM_EDIT)
def remove_exception(account_id: str, exception_id: str) -> Response:
    """Remove an exception, with immediate effect."""

    def remove() -> None:
        with transaction() as session:
            overrides.remove(session, actor=actor(), account_id=account_id, exception_id=exception_id)

    return _acted(account_id, remove)


def _acted(account_id: str, act: Callable[[], None]) -> Response:
    try:
        return form_results.redirect(f"/accounts/{account_id}/settings", act)
    except (*forms.REFUSALS, PermissionDenied) as refusal:
        return account_page.show_again("pages/settings.html", account_id, refusal, **_shown(account_id))


def _shown(account_id: str) -> dict[str, Any]:
    rows: list[PolicyException] = []
    with transaction() as session:
        usual = create.lifetime(session, policy=app_context().policy, account_id=account_id)
        if actor().may(Permission.TEAM_VIEW):
            rows = overrides.list_overrides(session, account_id=account_id, after="", limit=_MOST)
    return {
        "lapses": list(LapsedContract),
        "rules": app_context().settings,
        "usual": usual,
        "exceptions": rows,
        "effects": labels.EFFECTS,
        "subjects": labels.SUBJECTS,
    }
