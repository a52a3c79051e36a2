"""Authorization decisions for programs: may a user do something in an account, and why. Built for large batches.

Nothing is cached between requests. Each answer comes from the current rows, so it reflects every change committed
before the request.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import func, select, true

from shared.accounts import api_keys
from shared.accounts.api_keys import FoundKey
from shared.db.autocommit import SessionOrConnection
from shared.db.predicates import any_of
from shared.db.prepared import PreparedQuery
from shared.models import Membership
from shared.permissions import Permission, Role, allows
from shared.tokens import sha256


class Decision(NamedTuple):
    """A decision, with the user's role in the account and an explanation in words."""

    allowed: bool
    role: Role | None
    because: str


def _decide(role: Role | None, permission: Permission) -> Decision:
    if role is None:
        return Decision(False, None, "The user is not a member of the account.")
    allowed = allows(role, permission)
    return Decision(allowed, role, f"The role {role} {'has' if allowed else 'does not have'} {permission}.")


DECISIONS: dict[tuple[str | None, str], Decision] = {
    (role, permission): _decide(role, permission) for role in (*Role, None) for permission in Permission
}
"""The decision for every role and permission."""


def decide(role: str | None, permission: Permission) -> Decision:
    """What a question comes to for the role of a row; one of a newer release allows nothing."""
    return _decide(None if role is None else Role.from_row(role), permission)


_pairs = (
    func.unnest(any_of("accounts"), any_of("users"))
    .table_valued("account_id", "user_id", with_ordinality="place")
    .render_derived(name="asked")
)
_pair_matches = (Membership.account_id == _pairs.c.account_id) & (Membership.user_id == _pairs.c.user_id)
_ROLES = PreparedQuery(
    select(Membership.role).select_from(_pairs).outerjoin(Membership, _pair_matches).order_by(_pairs.c.place)
)

_key = api_keys.LIVE.cte("key")
_KEY_AND_ROLES = PreparedQuery(
    select(*_key.c, Membership.role)
    .select_from(_key)
    .outerjoin(_pairs, true())
    .outerjoin(Membership, _pair_matches)
    .order_by(_pairs.c.place)
)


def roles_of(connection: SessionOrConnection, *, accounts: Sequence[str], users: Sequence[str]) -> list[str | None]:
    """Role of each user in the account at the same position, in one query. None for users who are not members."""
    return [role for (role,) in _ROLES.fetch(connection, accounts=",".join(accounts), users=",".join(users))]


def key_and_roles(
    connection: SessionOrConnection, *, secret: str, accounts: Sequence[str], users: Sequence[str]
) -> tuple[FoundKey | None, list[str | None]]:
    """Roles as in `roles_of`, plus the caller's live API key, in one query. Without a live key there are no roles."""
    values = {"accounts": ",".join(accounts), "users": ",".join(users), "hash": sha256(secret)}
    rows = _KEY_AND_ROLES.fetch(connection, **values)
    return (api_keys.as_found_key(rows[0][:-1]) if rows else None), [row[-1] for row in rows[: len(users)]]
