"""The committed monthly spend of an account: set by the operator, and the ground for being allowed to invite."""

from datetime import date
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.actor import Actor
from shared.checks.eligibility import Terms, check_eligibility
from shared.checks.verdict import Check
from shared.models import Contract
from shared.services import accounts, audit
from shared.services.rules import Rules


def set_terms(
    session: Session, *, actor: Actor, account_id: str, amount: Decimal, currency: str, starts_on: date, ends_on: date
) -> Contract:
    """Record what the account has committed to, in place of what was recorded before."""
    accounts.get(session, account_id)
    said = {"amount": amount, "currency": currency, "starts_on": starts_on, "ends_on": ends_on}
    row = insert(Contract).values(account_id=account_id, **said)
    row = row.on_conflict_do_update(index_elements=[Contract.account_id], set_=said | {"updated_at": func.now()})
    before = terms_of(session.get(Contract, account_id, populate_existing=True))
    contract = session.scalars(row.returning(Contract).execution_options(populate_existing=True)).one()
    audit.record(
        session,
        actor,
        "contract.set",
        subject_id=account_id,
        account_id=account_id,
        before=_as_json(before),
        after=_as_json(terms_of(contract)),
    )
    return contract


def judge(session: Session, *, rules: Rules, account_id: str) -> tuple[Check, Terms | None]:
    """Whether the account may invite today, and the terms that say so."""
    terms = terms_of(session.get(Contract, account_id))
    today = session.scalars(select(func.now())).one().date()
    return check_eligibility(terms, minimum=rules.settings.minimum_commitment, today=today), terms


def terms_of(contract: Contract | None) -> Terms | None:
    """The contract's terms, free of the database."""
    if contract is None:
        return None
    return Terms(contract.amount, contract.currency, contract.starts_on, contract.ends_on)


def _as_json(terms: Terms | None) -> dict[str, str] | None:
    if terms is None:
        return None
    return {
        "amount": str(terms.amount),
        "currency": terms.currency,
        "starts_on": terms.starts_on.isoformat(),
        "ends_on": terms.ends_on.isoformat(),
    }
