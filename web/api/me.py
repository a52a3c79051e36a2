"""The signed-in person: their profile and their accounts."""

from typing import Any

from shared.services import accounts, memberships, users
from web import auth
from web.call import call, v1
from web.database import transaction
from web.guard import actor, signed_in
from web.paging import decoded, page
from web.schemas.base import PageQuery
from web.schemas.people import MyAccounts, ProfileBody, UserOut, user_out


@v1.get("/me")
@signed_in
@call("People", answers=UserOut)
def show_me() -> dict[str, Any]:
    """Show the signed-in person."""
    return user_out(auth.user())


@v1.patch("/me")
@signed_in
@call("People", body=ProfileBody, answers=UserOut, problems=(404,), example={"name": "Carol Díaz", "locale": "es"})
def change_me(body: ProfileBody) -> dict[str, Any]:
    """Change the name, the language, or the account to land in after signing in; what is left out stays.

    The landing account has to be one of one's own; null means none in particular.
    """
    changes = body.model_dump(exclude_unset=True)
    with transaction() as session:
        return user_out(users.change_profile(session, actor=actor(), user=auth.user(), changes=changes))


@v1.get("/me/accounts")
@signed_in
@call("People", query=PageQuery, answers=MyAccounts)
def list_my_accounts(query: PageQuery) -> dict[str, Any]:
    """List the accounts of the signed-in person, with their role in each."""
    me = auth.user()
    with transaction() as session:
        rows = memberships.accounts_of(session, user_id=me.id, after=decoded(query.cursor) or "", limit=query.limit + 1)
        landing = accounts.landing(session, me)
    mine: list[dict[str, Any]] = [
        {"account": account, "role": place.role, "is_default": landing is not None and account.id == landing.id}
        for account, place in rows
    ]
    return page(mine, limit=query.limit, key=lambda shown: str(shown["account"].id))
