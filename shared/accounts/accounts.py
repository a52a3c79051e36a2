"""Accounts (tenants). The user who creates an account owns it."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.accounts import memberships
from shared.accounts.sessions import SignedIn
from shared.actor import Actor
from shared.audit import log as audit_log
from shared.audit.events import Action
from shared.errors import EmailUnconfirmed, NotFound
from shared.ids import new_id
from shared.models import Account, Membership, Signup, User
from shared.permissions import Role


def create(session: Session, *, actor: Actor, owner: User | SignedIn, name: str) -> Account:
    """Create an account with this user as its owner. Raises `EmailUnconfirmed` until their address is verified."""
    if owner.email_verified_at is None:
        raise EmailUnconfirmed(
            "You need to confirm your email before you can create an account.",
            remedy="Open the link in the email we sent you, or request a new one.",
        )
    account = Account(id=new_id("acc"), name=name)
    session.add(account)
    session.flush()
    audit_log.record(session, actor, Action.ACCOUNT_CREATED, subject_id=account.id, account_id=account.id, name=name)
    person = memberships.person(owner)
    memberships.join(session, actor=actor, account_id=account.id, user=person, role=Role.OWNER, at=account.created_at)
    return account


def get(session: Session, account_id: str) -> Account:
    """The account with this id. Raises `NotFound`."""
    account = session.get(Account, account_id)
    if account is None:
        raise NotFound("There is no such account.")
    return account


def change(session: Session, *, actor: Actor, account_id: str, changes: dict[str, Any]) -> Account:
    """Change settings of the account. `changes` may have `name`, `lapsed_contract` and `invitation_hours`."""
    account = session.scalars(select(Account).where(Account.id == account_id).with_for_update(key_share=True)).one()
    before = {field: getattr(account, field) for field in changes}
    for field, value in changes.items():
        setattr(account, field, value)
    audit_log.record(
        session,
        actor,
        Action.ACCOUNT_CHANGED,
        subject_id=account_id,
        account_id=account_id,
        before=before,
        after=changes,
    )
    return account


def landing_account(session: Session, user: User | Signup | SignedIn) -> Account | None:
    """The account to show after sign-in: the user's default, else the last one used, else the oldest.

    A default account that the user no longer belongs to is ignored. None if they belong to no account.
    """
    query = select(Account).join(Membership, Membership.account_id == Account.id)
    query = query.where(Membership.user_id == user.id)
    default = func.coalesce(Account.id == user.default_account_id, False)
    query = query.order_by(default.desc(), Membership.last_seen_at.desc().nulls_last(), Account.id)
    return session.scalars(query.limit(1)).one_or_none()
