"""The tenant: made by the person who then owns it."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.actor import Actor
from shared.errors import NotFound, PermissionDenied
from shared.ids import new_id
from shared.models import Account, Membership, User
from shared.permissions import Role
from shared.services import audit, memberships


def create(session: Session, *, actor: Actor, owner: User, name: str) -> Account:
    """Make an account whose owner is the person who makes it; their address has to be proven."""
    if owner.email_verified_at is None:
        raise PermissionDenied(
            "Your address is not proven yet, so nothing was made.",
            remedy="Open the link in the mail we sent you, or ask for a new one, then try again.",
        )
    account = Account(id=new_id("acc"), name=name)
    session.add(account)
    session.flush()
    audit.record(session, actor, "account.created", subject_id=account.id, account_id=account.id, name=name)
    memberships.join(session, actor=actor, account_id=account.id, user_id=owner.id, role=Role.OWNER)
    return account


def get(session: Session, account_id: str) -> Account:
    """The account, or `NotFound`."""
    account = session.get(Account, account_id)
    if account is None:
        raise NotFound("There is no such account.")
    return account


def rename(session: Session, *, actor: Actor, account_id: str, name: str) -> Account:
    """Give the account another name."""
    account = get(session, account_id)
    before, account.name = account.name, name
    audit.record(
        session, actor, "account.renamed", subject_id=account_id, account_id=account_id, before=before, after=name
    )
    return account


def landing(session: Session, user: User) -> Account | None:
    """Where the user lands after signing in: their default, else the only account, else the oldest."""
    query = select(Account).join(Membership, Membership.account_id == Account.id)
    query = query.where(Membership.user_id == user.id)
    default = func.coalesce(Account.id == user.default_account_id, False)
    return session.scalars(query.order_by(default.desc(), Account.id).limit(1)).one_or_none()
