"""Gathers what the checks judge by: one statement for addresses that are to be invited, one for many invitations.

Both are put together once a process: that would take several times as long as running them.
"""

from collections.abc import Collection, Iterator, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Text, bindparam, exists, func, or_, select, true
from sqlalchemy.orm import Session, aliased

from shared.actor import Actor, assignable_to
from shared.checks.evaluate import Facts
from shared.checks.mail_domain import is_fresh
from shared.email_address import EmailAddress
from shared.models import OPEN, Account, ApiKey, BillingAnswer, Contract, Invitation, MailDomain, Membership, User
from shared.models.columns import among
from shared.permissions import Role
from shared.services import exceptions, origins
from shared.services.contracts import billed, commitment_of
from shared.services.outside import fact_of
from shared.services.rules import Rules


def about(
    session: Session,
    *,
    actor: Actor,
    rules: Rules,
    account_id: str,
    address: EmailAddress,
    role: Role,
    but_for: str = "",
) -> Facts:
    """The facts about inviting this address into the account, at this moment and by this actor.

    `but_for` is the invitation that is being sent again, which doesn't stand in its own way.
    """
    (found,) = about_all(
        session, actor=actor, rules=rules, account_id=account_id, asked=[(address, role)], but_for=but_for
    )
    return found


def about_all(
    session: Session,
    *,
    actor: Actor,
    rules: Rules,
    account_id: str,
    asked: Sequence[tuple[EmailAddress, Role]],
    but_for: str = "",
) -> Iterator[Facts]:
    """The facts about inviting each of these addresses, in their order."""
    keys, domains = [address.key for address, _ in asked], [address.domain for address, _ in asked]
    told = {"account_id": account_id, "keys": keys, "domains": domains, "but_for": but_for}
    origin = origins.of(actor, rules)
    for (address, role), found in zip(asked, session.execute(_of_addresses(), told), strict=True):
        is_member, invited, *ground = found
        yield Facts(
            address=address,
            role=role,
            assignable=actor.assignable,
            is_member=is_member,
            already_invited=invited,
            origin=origin,
            **_ground(*ground),
        )


def about_each(
    session: Session, invitation_ids: Collection[str], *, lock: bool = True
) -> Iterator[tuple[Invitation, Facts]]:
    """These invitations, locked in the order of their ids, each with the facts of this moment about it."""
    query = _of_invitations(lock)
    for invitation, inviters, keys, is_member, *ground in session.execute(query, {"ids": list(invitation_ids)}):
        roles = (inviters,) if invitation.invited_via is None else (keys, inviters)
        yield (
            invitation,
            Facts(
                address=invitation.address,
                role=Role(invitation.role),
                assignable=assignable_to(tuple(Role(role) if role else None for role in roles)),
                is_member=is_member,
                already_invited=False,
                origin=origins.from_json(invitation.origin),
                **_ground(*ground),
            ),
        )


@cache
def _of_addresses() -> Any:
    account_id = bindparam("account_id", type_=Text())
    wanted = func.unnest(bindparam("keys", type_=ARRAY(Text)), bindparam("domains", type_=ARRAY(Text)))
    row = wanted.table_valued("key", "domain", with_ordinality="place", name="wanted").render_derived()
    open_one = exists().where(
        Invitation.account_id == account_id,
        Invitation.email_key == row.c.key,
        among(Invitation.status, *OPEN),
        Invitation.id != bindparam("but_for"),
    )
    query = select(_is_member(account_id, row.c.key), open_one).select_from(row).join(Account, true())
    query = _with_ground(query, Account.id, row.c.domain)
    return query.where(Account.id == account_id).order_by(row.c.place)


@cache
def _of_invitations(lock: bool) -> Any:
    inviter = aliased(Membership)
    query = _with_ground(
        select(Invitation, inviter.role, ApiKey.role, _is_member(Invitation.account_id, Invitation.email_key)),
        Invitation.account_id,
        func.split_part(Invitation.email_key, "@", -1),
    )
    query = (
        query.outerjoin(
            inviter, (inviter.account_id == Invitation.account_id) & (inviter.user_id == Invitation.invited_by)
        )
        .outerjoin(ApiKey, (ApiKey.id == Invitation.invited_via) & _live_key())
        .where(Invitation.id.in_(bindparam("ids", expanding=True)))
        .order_by(Invitation.id)
        .execution_options(populate_existing=True)
    )
    return query.with_for_update(of=Invitation) if lock else query


def _with_ground(query: Any, account_id: Any, domain: Any) -> Any:
    """The query, with what is known of the account and the domain behind its own columns; `_ground` reads it."""
    query = query.add_columns(Contract, BillingAnswer, MailDomain, exceptions.in_force(account_id), func.now())
    query = query.outerjoin(Contract, Contract.account_id == account_id)
    query = query.outerjoin(BillingAnswer, BillingAnswer.account_id == account_id)
    return query.outerjoin(MailDomain, MailDomain.domain == domain)


def _ground(
    contract: Contract | None, billing: BillingAnswer | None, mail: MailDomain | None, rows: Any, at: Any
) -> dict[str, Any]:
    return {
        "commitment": commitment_of(contract),
        "billed": billed(billing, at),
        "mail": fact_of(mail) if mail is not None and is_fresh(fact_of(mail), at) else None,
        "exemptions": exceptions.from_json(rows),
        "at": at,
    }


def _is_member(account_id: object, email_key: object) -> ColumnElement[bool]:
    place, person = aliased(Membership), aliased(User)
    return exists().where(place.account_id == account_id, person.id == place.user_id, person.email_key == email_key)


def _live_key() -> ColumnElement[bool]:
    return ApiKey.revoked_at.is_(None) & or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now())
