"""The account's API keys: made, shown once, revoked."""

from datetime import UTC, datetime, time
from typing import Any

from flask import Response

from shared import clock
from shared.accounts import api_keys
from shared.models import ApiKey
from shared.permissions import Permission, Role
from shared.team import changes
from web.auth.guards import actor, person_with, requires
from web.database import transaction
from web.http.paging import decode, page
from web.schemas.forms import CursorQuery, KeyForm
from web.ui import account_page, forms, new_key_secret, visitor
from web.ui.blueprint import site
from web.ui.form_once import once

PAGE = 50


@site.get("/accounts/<account_id>/api-keys")
@requires(Permission.CREDENTIALS_VIEW)
def show_keys(account_id: str) -> Response:
    """List the keys, the newest first; one that was just created with its secret, for a minute."""
    new = new_key_secret.take(account_id)
    response = Response(account_page.page("pages/keys.html", account_id, **_shown(account_id) | {"new": new}))
    if new is not None:
        leave = new_key_secret.forget_soon if new.secret else new_key_secret.forget
        leave(response)
    return response


@site.post("/accounts/<account_id>/api-keys")
@person_with(Permission.CREDENTIALS_EDIT)
def make_key(account_id: str) -> Response:
    """Create a key, and redirect to where it is shown."""
    try:
        press = once(lambda: _make(account_id, forms.body_of(KeyForm)).id)
    except forms.REFUSALS as refusal:
        return account_page.show_again("pages/keys.html", account_id, refusal, **_shown(account_id))
    response = visitor.redirect(f"/accounts/{account_id}/api-keys")
    new_key_secret.keep(response, press)
    return response


@site.post("/accounts/<account_id>/api-keys/<key_id>/revoke")
@person_with(Permission.CREDENTIALS_EDIT)
def revoke_key(account_id: str, key_id: str) -> Response:
    """End a key at once."""
    with transaction() as session:
        changes.revoke_api_key(session, actor=actor(), account_id=account_id, key_id=key_id)
    return visitor.redirect(f"/accounts/{account_id}/api-keys")


def _make(account_id: str, body: KeyForm) -> ApiKey:
    with transaction() as session:
        key, _ = api_keys.issue(
            session,
            actor=actor(),
            account_id=account_id,
            name=body.name,
            role=body.role,
            expires_at=datetime.combine(body.last_day, time.max, UTC) if body.last_day else None,
            secret=new_key_secret.secret(),
        )
    return key


def _shown(account_id: str) -> dict[str, Any]:
    query = forms.query_of(CursorQuery)
    with transaction() as session:
        rows = api_keys.list_keys(session, account_id=account_id, before=decode(query.cursor), limit=PAGE + 1)
    covered = [role for role in Role if actor().covers(role)]
    return {
        "keys": page(rows, limit=PAGE, key=lambda row: row.id),
        "new": None,
        "covered": covered,
        "may_end": lambda key: api_keys.may_end(actor(), key),
        "now": clock.now(),
    }
