"""What an account decides for itself: its name, and what a lapsed contract does."""

from flask import Response

from shared.models import LapsedContract
from shared.permissions import Permission
from shared.services import accounts
from web.database import transaction
from web.guard import actor, member, requires
from web.kit import kit
from web.pages import form, place, visitor
from web.pages.site import site
from web.schemas.accounts import AccountChange


@site.get("/accounts/<account_id>/settings")
@member
def show_settings(account_id: str) -> str:
    """Show the settings; whoever may not change them sees them."""
    return place.page("pages/settings.html", account_id, **_shown())


@site.post("/accounts/<account_id>/settings")
@requires(Permission.ACCOUNT_EDIT)
def change_settings(account_id: str) -> Response:
    """Change the account's name, or what a lapsed contract does."""
    try:
        changes = form.filled(AccountChange).model_dump(exclude_none=True)
        with transaction() as session:
            accounts.change(session, actor=actor(), account_id=account_id, changes=changes)
    except form.REFUSALS as refusal:
        return place.again("pages/settings.html", account_id, refusal, **_shown())
    return visitor.send_on(f"/accounts/{account_id}/settings")


def _shown() -> dict[str, object]:
    return {"lapses": list(LapsedContract), "rules": kit().settings}
