"""The members of an account."""

from typing import Any

from flask import Response

from shared.models import Membership, User
from shared.permissions import Permission
from shared.services import memberships, team
from web.call import call, v1, written
from web.database import at_once, transaction
from web.guard import actor, member, requires
from web.paging import decoded, page
from web.schemas.accounts import MemberOut, MemberQuery, MembersOut, RemovalOut, RoleBody


@v1.get("/accounts/<account_id>/members")
@requires(Permission.TEAM_VIEW)
@call("Team", query=MemberQuery, answers=MembersOut)
def list_members(account_id: str, query: MemberQuery) -> Response:
    """List the members of an account in the order in which they joined."""
    role, after, limit = query.role, decoded(query.cursor) or "", query.limit + 1
    if query.q:
        with transaction() as session:
            rows = memberships.called(session, account_id=account_id, role=role, q=query.q, after=after, limit=limit)
    else:
        with at_once() as asked:
            rows = memberships.members(asked, account_id=account_id, role=role, after=after, limit=limit)
    return written(page(rows, limit=query.limit, key=lambda place: place["id"]))


@v1.patch("/accounts/<account_id>/members/<member_id>")
@requires(Permission.TEAM_EDIT)
@call("Team", body=RoleBody, answers=MemberOut, problems=(409,), example={"role": "support"})
def change_member(account_id: str, member_id: str, body: RoleBody) -> dict[str, Any]:
    """Give a member another role, from this moment on.

    The owner's role stays, and nobody changes their own. Open invitations that the member may no longer give are held.
    """
    with transaction() as session:
        changed = team.change_role(
            session, actor=actor(), account_id=account_id, membership_id=member_id, role=body.role
        )
    return member_out(*changed)


@v1.delete("/accounts/<account_id>/members/<member_id>")
@member
@call("Team", status=204, problems=(403, 409))
def remove_member(account_id: str, member_id: str) -> None:
    """Remove a member, for good, with their API keys in this account; it needs `team:edit`.

    One's own membership anybody but the owner may end: they leave. Open invitations of theirs are held.
    """
    with transaction() as session:
        team.remove(session, actor=actor(), account_id=account_id, membership_id=member_id)


@v1.get("/accounts/<account_id>/members/<member_id>/removal-preview")
@requires(Permission.TEAM_EDIT)
@call("Team", answers=RemovalOut, problems=(409,))
def preview_removal(account_id: str, member_id: str) -> dict[str, Any]:
    """Show what removing a member would end; nothing changes."""
    with transaction() as session:
        ending = team.ending(session, account_id=account_id, membership_id=member_id)
    return {
        "member": member_out(ending.membership, ending.user),
        "api_keys": ending.api_keys,
        "invitations": ending.invitations,
    }


def member_out(membership: Membership, user: User) -> dict[str, Any]:
    """A membership with the person it is of."""
    return {
        "id": membership.id,
        "user": user,
        "role": membership.role,
        "joined_at": membership.joined_at,
        "last_seen_at": membership.last_seen_at,
    }
