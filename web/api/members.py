"""Members of an account."""

from typing import Any

from flask import Response

from shared.accounts import memberships
from shared.permissions import Permission
from shared.team import changes
from web.auth.guards import actor, member, requires
from web.database import autocommit_or_transaction, transaction
from web.http.endpoint import endpoint, json_response, v1
from web.http.paging import decode, page
from web.schemas.accounts import MemberOut, MemberQuery, MembersOut, RemovalOut, RoleBody, member_out


@v1.get("/accounts/<account_id>/members")
@requires(Permission.TEAM_VIEW)
@endpoint("Team", query=MemberQuery, response=MembersOut)
def list_members(account_id: str, query: MemberQuery) -> Response:
    """List an account's members, in the order in which they joined."""
    role, after, limit = query.role, decode(query.cursor) or "", query.limit + 1
    if query.q:
        with transaction() as session:
            rows = memberships.search_members(
                session, account_id=account_id, role=role, q=query.q, after=after, limit=limit
            )
    else:
        with autocommit_or_transaction() as connection:
            rows = memberships.list_members(connection, account_id=account_id, role=role, after=after, limit=limit)
    return json_response(page(rows, limit=query.limit, key=lambda place: place["id"]))


@v1.patch("/accounts/<account_id>/members/<member_id>")
@requires(Permission.TEAM_EDIT)
@endpoint("Team", body=RoleBody, response=MemberOut, problems=(409,), example={"role": "support"})
def change_member(account_id: str, member_id: str, body: RoleBody) -> dict[str, Any]:
    """Change a member's role, with immediate effect.

    The owner's role can't be changed, and neither can your own. Open invitations that the member may no longer give are
    put on hold.
    """
    with transaction() as session:
        changed = changes.change_role(
            session, actor=actor(), account_id=account_id, membership_id=member_id, role=body.role
        )
    return member_out(*changed)


@v1.delete("/accounts/<account_id>/members/<member_id>")
@member
@endpoint("Team", status=204, problems=(403, 409))
def remove_member(account_id: str, member_id: str) -> None:
    """Remove a member from an account, with their API keys in it.

    Removing another member requires `team:edit`. Anyone but the owner can end their own membership. The member's open
    invitations are put on hold.
    """
    with transaction() as session:
        changes.remove(session, actor=actor(), account_id=account_id, membership_id=member_id)


@v1.get("/accounts/<account_id>/members/<member_id>/removal-preview")
@requires(Permission.TEAM_EDIT)
@endpoint("Team", response=RemovalOut, problems=(409,))
def preview_removal(account_id: str, member_id: str) -> dict[str, Any]:
    """Preview what removing a member would end.

    Nothing changes.
    """
    with transaction() as session:
        ending = changes.preview_removal(session, account_id=account_id, membership_id=member_id)
    return {
        "member": member_out(ending.membership, ending.user),
        "api_keys": ending.api_keys,
        "invitations": ending.invitations,
    }
