"""An account's limits on inviting: current limits, usage, and the operator's overrides."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from shared.actor import Actor
from shared.audit import log as audit_log
from shared.audit.events import Action
from shared.checks.limits import Limits, Usage
from shared.db.autocommit import SessionOrConnection
from shared.errors import NotFound
from shared.invitations import usage
from shared.invitations.usage import Bounds
from shared.models import Account
from shared.policy_context import PolicyContext
from shared.screening import facts


@dataclass(frozen=True, slots=True)
class Standing:
    """An account's limits, the operator's overrides among them, and current usage."""

    limits: Limits
    overrides: dict[str, int]
    usage: Usage


def bounds_of(connection: SessionOrConnection, *, actor: Actor, policy: PolicyContext, account_id: str) -> Bounds:
    """The limits and usage windows for this actor in this account. Raises `NotFound`."""
    ground = facts.ground(connection, account_id=account_id)
    return Bounds.of(policy.settings, ground, actor, account_id=account_id)


def standing(session: Session, *, actor: Actor, policy: PolicyContext, account_id: str) -> Standing:
    """The account's limits and exact current usage. Raises `NotFound`."""
    bounds = bounds_of(session, actor=actor, policy=policy, account_id=account_id)
    account = session.get_one(Account, account_id)
    return Standing(bounds.limits, dict(account.invitation_limits or {}), usage.look(session, bounds, [], exact=True))


def set_overrides(session: Session, *, actor: Actor, account_id: str, overrides: Mapping[str, int]) -> None:
    """Replace the account's limit overrides. Limits without an override follow the contract. Raises `NotFound`."""
    account = session.get(Account, account_id, with_for_update={"key_share": True}, populate_existing=True)
    if account is None:
        raise NotFound("There is no such account.")
    before, account.invitation_limits = account.invitation_limits, dict(overrides) or None
    audit_log.record(
        session,
        actor,
        Action.ACCOUNT_LIMITS_SET,
        subject_id=account_id,
        account_id=account_id,
        before=before or {},
        after=dict(overrides),
    )
    session.flush()
