"""The members of an account."""

from typing import Any

from shared.models import Account, Membership, User
from shared.permissions import Permission
from shared.services import memberships
from web.call import call, v1
from web.database import transaction
from web.guard import requires
from web.paging import decoded, page
from web.schemas.accounts import MemberQuery, MembersOut


@v1.get("/accounts/<account_id>/members")
@requires(Permission.TEAM_VIEW)
@call("Team", query=MemberQuery, answers=MembersOut)
def list_members(account_id: str, query: MemberQuery) -> dict[str, Any]:
    """List the members of an account in the order in which they joined."""
    with transaction() as session:
        rows = memberships.members(
            session,
            account_id=account_id,
            role=query.role,
            q=query.q,
            after=decoded(query.cursor) or "",
            limit=query.limit + 1,
        )
    return page([member_out(*row) for row in rows], limit=query.limit, key=lambda shown: str(shown["id"]))


def member_out(membership: Membership, user: User) -> dict[str, Any]:
    """A membership with the person it is of."""
    return {
        "id": membership.id,
        "user": user,
        "role": membership.role,
        "joined_at": membership.joined_at,
        "last_seen_at": membership.last_seen_at,
    }


def membership_out(membership: Membership, user: User, account: Account) -> dict[str, Any]:
    """A membership with the person and the account."""
    return member_out(membership, user) | {"account": account}
