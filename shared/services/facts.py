"""Gathers what the checks judge by: one query for an address that is to be invited, one for many invitations."""

from collections.abc import Collection, Iterator

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from shared.actor import Actor, assignable_to
from shared.checks.evaluate import Facts
from shared.email_address import EmailAddress
from shared.models import OPEN, Account, ApiKey, Contract, Invitation, Membership, User
from shared.models.columns import among
from shared.permissions import Role
from shared.services.contracts import terms_of


def about(
    session: Session, *, actor: Actor, account_id: str, address: EmailAddress, role: Role, but_for: str = ""
) -> Facts:
    """The facts about inviting this address into the account, at this moment and by this actor.

    `but_for` is the invitation that is being sent again, which doesn't stand in its own way.
    """
    open_one = exists().where(
        Invitation.account_id == account_id,
        Invitation.email_key == address.key,
        among(Invitation.status, *OPEN),
        Invitation.id != but_for,
    )
    query = select(Contract, _is_member(account_id, address.key), open_one, func.now())
    contract, is_member, invited, moment = session.execute(
        query.select_from(Account)
        .outerjoin(Contract, Contract.account_id == Account.id)
        .where(Account.id == account_id)
    ).one()
    return Facts(
        address=address,
        role=role,
        assignable=actor.assignable,
        is_member=is_member,
        already_invited=invited,
        terms=terms_of(contract),
        at=moment,
    )


def about_each(session: Session, invitation_ids: Collection[str]) -> Iterator[tuple[Invitation, Facts]]:
    """These invitations, locked in the order of their ids, each with the facts of this moment about it."""
    inviter = aliased(Membership)
    query = (
        select(
            Invitation,
            Contract,
            inviter.role,
            ApiKey.role,
            _is_member(Invitation.account_id, Invitation.email_key),
            func.now(),
        )
        .outerjoin(Contract, Contract.account_id == Invitation.account_id)
        .outerjoin(inviter, (inviter.account_id == Invitation.account_id) & (inviter.user_id == Invitation.invited_by))
        .outerjoin(ApiKey, (ApiKey.id == Invitation.invited_via) & _live_key())
        .where(Invitation.id.in_(invitation_ids))
        .order_by(Invitation.id)
        .with_for_update(of=Invitation)
        .execution_options(populate_existing=True)
    )
    for invitation, contract, inviters, keys, is_member, moment in session.execute(query):
        roles = (inviters,) if invitation.invited_via is None else (keys, inviters)
        yield (
            invitation,
            Facts(
                address=invitation.address,
                role=Role(invitation.role),
                assignable=assignable_to(tuple(Role(role) if role else None for role in roles)),
                is_member=is_member,
                already_invited=False,
                terms=terms_of(contract),
                at=moment,
            ),
        )


def _is_member(account_id: object, email_key: object) -> ColumnElement[bool]:
    place, person = aliased(Membership), aliased(User)
    return exists().where(place.account_id == account_id, person.id == place.user_id, person.email_key == email_key)


def _live_key() -> ColumnElement[bool]:
    return ApiKey.revoked_at.is_(None) & or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now())
