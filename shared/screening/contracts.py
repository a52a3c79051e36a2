"""Committed monthly spend of an account, set by the operator. It decides whether the account may invite."""

from datetime import date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.accounts import accounts
from shared.actor import Actor
from shared.audit import log as audit_log
from shared.audit.events import Action
from shared.checks.contract import Commitment, Terms, check_eligibility
from shared.checks.verdict import Check
from shared.jobs import queue
from shared.models import BillingAnswer, Contract, Invitation, JobKind, Status
from shared.policy_context import PolicyContext

BILLING_ANSWER_TTL = timedelta(minutes=15)
"""Validity of an answer from the billing system. A worker asks again after half of it."""


BILLING_RETRY_AFTER = timedelta(seconds=15)
"""Delay before asking a billing system again that didn't answer."""


def set_terms(
    session: Session, *, actor: Actor, account_id: str, amount: Decimal, currency: str, starts_on: date, ends_on: date
) -> Contract:
    """Replace the contract on record and check held invitations again. Raises `NotFound` for an unknown account."""
    accounts.get(session, account_id)
    values = {"amount": amount, "currency": currency, "starts_on": starts_on, "ends_on": ends_on}
    row = insert(Contract).values(account_id=account_id, **values)
    row = row.on_conflict_do_update(index_elements=[Contract.account_id], set_=values | {"updated_at": func.now()})
    before = terms_of(session.get(Contract, account_id, populate_existing=True))
    contract = session.scalars(row.returning(Contract).execution_options(populate_existing=True)).one()
    audit_log.record(
        session,
        actor,
        Action.CONTRACT_SET,
        subject_id=account_id,
        account_id=account_id,
        before=_as_json(before),
        after=_as_json(terms_of(contract)),
    )
    judge_held_again(session, account_id)
    return contract


def check_account(session: Session, *, policy: PolicyContext, account_id: str) -> tuple[Check, Terms | None]:
    """Check whether the account may invite today. Returns the check and the terms it used."""
    now = session.scalars(select(func.now())).one()
    if policy.settings.billing_url is None:
        commitment = commitment_of(session.get(Contract, account_id))
    else:
        commitment = billed(session.get(BillingAnswer, account_id), now)
    return check_eligibility(commitment, minimum=policy.settings.minimum_commitment, now=now), commitment.terms


def commitment_of(contract: Contract | None) -> Commitment:
    """The commitment in Usher's own contracts table."""
    return Commitment(terms_of(contract), dated=contract.updated_at if contract else None)


def billed(billing: BillingAnswer | None, now: datetime) -> Commitment:
    """The commitment according to the billing system. Unknown if its answer is missing or too old."""
    return answered(None, None, now) if billing is None else answered(billing.answered_at, billing.terms, now)


def answered(at: datetime | None, terms: dict[str, str] | None, now: datetime) -> Commitment:
    """The commitment in a billing answer given at the time `at`. Unknown if the answer is missing or too old."""
    if at is None or now - at > BILLING_ANSWER_TTL:
        return Commitment(None, "billing system", at, known=False)
    return Commitment(_from_json(terms), "billing system", at)


def terms_of(contract: Contract | None) -> Terms | None:
    """The contract's terms as a plain value, or None."""
    if contract is None:
        return None
    return Terms(contract.amount, contract.currency, contract.starts_on, contract.ends_on)


def judge_held_again(session: Session, account_id: str) -> None:
    """Enqueue new checks of the account's held invitations."""
    held = select(Invitation).where(Invitation.account_id == account_id, Invitation.status == Status.HELD)
    for invitation in session.scalars(held):
        queue.enqueue(
            session,
            JobKind.INVITATION_CHECK,
            subject_id=invitation.id,
            account_id=account_id,
            generation=invitation.generation,
        )


def _from_json(terms: dict[str, str] | None) -> Terms | None:
    if terms is None:
        return None
    days = date.fromisoformat(terms["starts_on"]), date.fromisoformat(terms["ends_on"])
    return Terms(Decimal(terms["amount"]), terms["currency"], *days)


def _as_json(terms: Terms | None) -> dict[str, str] | None:
    if terms is None:
        return None
    return {
        "amount": str(terms.amount),
        "currency": terms.currency,
        "starts_on": terms.starts_on.isoformat(),
        "ends_on": terms.ends_on.isoformat(),
    }
