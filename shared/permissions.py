"""Who may do what: one table, read by the guard, the API, the pages and the tests. Nowhere else is a role compared.

The roles and their rights are the vendor's ("Role-Based Access Control: User Roles and Permissions"); the rows
`team`, `audit` and `account` are ours, where the vendor documents none.
"""

from enum import StrEnum
from typing import NamedTuple

from shared.stored_enum import StoredEnum


class Role(StoredEnum):
    """The five predefined roles; a member has exactly one in each account."""

    OWNER = "owner"
    ADMIN = "admin"
    DEVELOPER = "developer"
    FINANCE_ANALYST = "finance_analyst"
    SUPPORT = "support"


class Access(NamedTuple):
    """One resource: V for view, E for view and edit, - for neither, by role; and `words` for a reader."""

    owner: str
    admin: str
    developer: str
    finance_analyst: str
    support: str
    words: str


_TABLE: dict[str, Access] = {
    "phone_numbers": Access(
        owner="E", admin="E", developer="E", finance_analyst="-", support="V", words="phone numbers"
    ),
    "billing": Access(
        owner="E", admin="E", developer="-", finance_analyst="E", support="V", words="payments and billing"
    ),
    "settings": Access(owner="E", admin="E", developer="E", finance_analyst="-", support="E", words="settings"),
    "credentials": Access(
        owner="E", admin="E", developer="E", finance_analyst="-", support="-", words="account credentials and API keys"
    ),
    "applications": Access(
        owner="E",
        admin="E",
        developer="E",
        finance_analyst="-",
        support="V",
        words="applications and their configuration",
    ),
    "logs": Access(owner="V", admin="V", developer="V", finance_analyst="-", support="V", words="activity logs"),
    "pricing": Access(owner="V", admin="V", developer="-", finance_analyst="V", support="-", words="pricing"),
    "team": Access(
        owner="E", admin="E", developer="V", finance_analyst="-", support="V", words="the team: members and invitations"
    ),
    "audit": Access(owner="V", admin="V", developer="-", finance_analyst="-", support="-", words="the audit trail"),
    "account": Access(
        owner="E", admin="V", developer="-", finance_analyst="-", support="-", words="the account itself"
    ),
}

RESOURCES: dict[str, str] = {resource: row.words for resource, row in _TABLE.items()}


class Permission(StrEnum):
    """One right, `resource:action`; edit includes view. Rights that nobody has (editing logs) don't exist."""

    PHONE_NUMBERS_VIEW = "phone_numbers:view"
    PHONE_NUMBERS_EDIT = "phone_numbers:edit"
    BILLING_VIEW = "billing:view"
    BILLING_EDIT = "billing:edit"
    SETTINGS_VIEW = "settings:view"
    SETTINGS_EDIT = "settings:edit"
    CREDENTIALS_VIEW = "credentials:view"
    CREDENTIALS_EDIT = "credentials:edit"
    APPLICATIONS_VIEW = "applications:view"
    APPLICATIONS_EDIT = "applications:edit"
    LOGS_VIEW = "logs:view"
    PRICING_VIEW = "pricing:view"
    TEAM_VIEW = "team:view"
    TEAM_EDIT = "team:edit"
    AUDIT_VIEW = "audit:view"
    ACCOUNT_VIEW = "account:view"
    ACCOUNT_EDIT = "account:edit"


_GRANTS = {"E": ("view", "edit"), "V": ("view",), "-": ()}

PERMISSIONS_OF: dict[Role, frozenset[Permission]] = {
    role: frozenset(
        Permission(f"{resource}:{action}") for resource, row in _TABLE.items() for action in _GRANTS[getattr(row, role)]
    )
    for role in Role
}


ASSIGNABLE = frozenset(Role) - {Role.OWNER}
"""The roles that can be given and taken; the owner's comes with making the account, and stays."""

*_FIRST, _LAST = (role for role in Role if role in ASSIGNABLE)
ASSIGNABLE_NAMES = f"{', '.join(_FIRST)} or {_LAST}"
"""The same as a sentence lists them, in the order of the table."""


def permissions_of(role: Role) -> frozenset[Permission]:
    """The permissions that a role grants; one of a newer release grants none here."""
    return PERMISSIONS_OF.get(role, frozenset())


def possible_permissions_of(role: Role) -> frozenset[Permission]:
    """The most that a role could grant: all of them for one of a newer release. For whether a role is above another."""
    return PERMISSIONS_OF.get(role, frozenset(Permission))


def allows(role: Role, permission: Permission) -> bool:
    """Whether a member with this role has this permission."""
    return permission in permissions_of(role)


def assignable_roles(role: Role | None) -> frozenset[Role]:
    """The roles that somebody with `role` may hand out, by invitation or by change. Nobody may hand out owner."""
    if role is None or not allows(role, Permission.TEAM_EDIT):
        return frozenset()
    return ASSIGNABLE


def in_words(role: Role) -> list[str]:
    """What the role may do, as a person reads it: `view and edit settings`, `view pricing`."""
    granted = matrix().get(role, {})
    return [
        f"{' and '.join(granted[resource])} {words}" for resource, words in RESOURCES.items() if granted.get(resource)
    ]


def matrix() -> dict[str, dict[str, list[str]]]:
    """The whole table as data: role, then resource, then the actions allowed."""
    return {
        role: {
            resource: [action for action in ("view", "edit") if f"{resource}:{action}" in PERMISSIONS_OF[role]]
            for resource in RESOURCES
        }
        for role in Role
    }
