"""Checks that the person is not yet a member or invited, and that the inviter can assign the role."""

from collections.abc import Iterator
from functools import cache

from shared.checks.verdict import Check, denied_by
from shared.errors import Reason, Who
from shared.permissions import ASSIGNABLE_NAMES, Role


@cache
def check_role(role: Role, assignable: frozenset[Role]) -> Check:
    """Refuse a role that the inviter can't assign."""
    return denied_by("role", () if role in assignable else [_not_assignable(role, assignable)], role=role)


def check_recipient(shown: str, *, is_member: bool, already_invited: bool) -> Check:
    """Refuse a member, or an address with an open invitation."""
    return denied_by("recipient", _known(shown, is_member, already_invited))


def email_invalid(why: str) -> Reason:
    """Reason: the address is invalid. `why` is a sentence."""
    return Reason("email_invalid", f"{why} Nothing was sent.", "Correct the address and invite again.", Who.INVITER)


def already_invited(shown: str) -> Reason:
    """Reason: the address has an open invitation."""
    return Reason(
        "already_invited",
        f"{shown} has an open invitation to this account. Nothing more was sent.",
        "Resend that invitation, or revoke it and invite again.",
        Who.INVITER,
    )


def already_member(shown: str) -> Reason:
    """Reason: the address belongs to a member."""
    return Reason(
        "already_member",
        f"{shown} is a member of this account already. Nothing was sent.",
        "Change the member's role instead.",
        Who.INVITER,
    )


def _known(shown: str, is_member: bool, invited: bool) -> Iterator[Reason]:
    if is_member:
        yield already_member(shown)
    elif invited:
        yield already_invited(shown)


def _not_assignable(role: Role, assignable: frozenset[Role]) -> Reason:
    if role is Role.OWNER:
        return Reason(
            "role_not_assignable",
            "An account has one owner, who created it; ownership can't be given by invitation or by a change of "
            "role. Nothing was changed.",
            f"Choose {ASSIGNABLE_NAMES}.",
            Who.INVITER,
        )
    may = ", ".join(sorted(assignable)) or "no role at all"
    return Reason(
        "role_not_assignable",
        f"The inviter may not hand out the role {role}; their own role lets them give {may}. Nothing was changed.",
        "Ask the owner or an admin of the account to invite.",
        Who.ACCOUNT_OWNER,
    )
