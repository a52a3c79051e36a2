"""Whether a user may do something in an account, and because of what: asked by programs, often and many at a time.

Nothing is remembered between two questions. Each is answered by the rows of its own moment, so no answer is older than
the change that was told of before it was asked.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import func, select, true

from shared.db import Asked, Question
from shared.models import Membership
from shared.models.columns import listed
from shared.permissions import Permission, Role, allows
from shared.services import api_keys
from shared.services.api_keys import FoundKey
from shared.tokens import sha256


class Decision(NamedTuple):
    """Whether it is allowed, the user's role in the account, and the ground in words."""

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
"""What every question comes to, once the role is known."""

_asked = (
    func.unnest(listed("accounts"), listed("users"))
    .table_valued("account_id", "user_id", with_ordinality="place")
    .render_derived(name="asked")
)
_theirs = (Membership.account_id == _asked.c.account_id) & (Membership.user_id == _asked.c.user_id)
_ROLES = Question(select(Membership.role).select_from(_asked).outerjoin(Membership, _theirs).order_by(_asked.c.place))

_key = api_keys.LIVE.cte("key")
_KEY_AND_ROLES = Question(
    select(*_key.c, Membership.role)
    .select_from(_key)
    .outerjoin(_asked, true())
    .outerjoin(Membership, _theirs)
    .order_by(_asked.c.place)
)


def roles_of(asked: Asked, *, accounts: Sequence[str], users: Sequence[str]) -> list[str | None]:
    """The role of each user in the account beside it, in this order, by one query; None for strangers."""
    return [role for (role,) in _ROLES.ask(asked, accounts=",".join(accounts), users=",".join(users))]


def key_and_roles(
    asked: Asked, *, secret: str, accounts: Sequence[str], users: Sequence[str]
) -> tuple[FoundKey | None, list[str | None]]:
    """The same, and by the same query the live key that asks; no key, no roles."""
    values = {"accounts": ",".join(accounts), "users": ",".join(users), "hash": sha256(secret)}
    rows = _KEY_AND_ROLES.ask(asked, **values)
    return (api_keys.found(rows[0][:-1]) if rows else None), [row[-1] for row in rows[: len(users)]]
