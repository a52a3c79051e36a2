"""Accounts, their contracts, and their eligibility to invite."""

from typing import Any

from shared.accounts import accounts
from shared.invitations import dry_run
from shared.permissions import Permission
from shared.screening import contracts
from web.auth import identity
from web.auth.guards import actor, member, operator, requires, signed_in
from web.context import app_context
from web.database import transaction
from web.http.endpoint import endpoint, v1
from web.http.idempotency import idempotent
from web.schemas.accounts import (
    AccountBody,
    AccountChange,
    AccountOut,
    ContractBody,
    ContractOut,
    EligibilityOut,
    contract_out,
)


@v1.post("/accounts")
@signed_in
@idempotent
@endpoint("Accounts", body=AccountBody, response=AccountOut, status=201, problems=(403, 409), example={"name": "Acme"})
def create_account(body: AccountBody) -> Any:
    """Create an account, owned by the caller.

    The caller's email address must be verified.
    """
    with transaction() as session:
        account = accounts.create(session, actor=actor(), owner=identity.user(), name=body.name)
    return account, {"Location": f"/v1/accounts/{account.id}"}


@v1.get("/accounts/<account_id>")
@member
@endpoint("Accounts", response=AccountOut)
def show_account(account_id: str) -> Any:
    """Get an account."""
    with transaction() as session:
        return accounts.get(session, account_id)


@v1.patch("/accounts/<account_id>")
@requires(Permission.ACCOUNT_EDIT)
@endpoint(
    "Accounts",
    body=AccountChange,
    response=AccountOut,
    example={"name": "Acme Europe", "lapsed_contract": "hold", "invitation_hours": 72},
)
def change_account(account_id: str, body: AccountChange) -> Any:
    """Update an account's settings.

    `name` renames it, and `invitation_hours` sets how long new invitations can be accepted. `lapsed_contract` sets what
    happens to pending invitations when the contract ends: with `hold`, the default, they wait until a contract is in
    force again; with `allow` they can still be accepted.
    """
    with transaction() as session:
        return accounts.change(session, actor=actor(), account_id=account_id, changes=body.changes())


@v1.get("/accounts/<account_id>/eligibility")
@requires(Permission.TEAM_VIEW)
@endpoint("Accounts", response=EligibilityOut)
def show_eligibility(account_id: str) -> dict[str, Any]:
    """Check if an account can invite people now, and if not, get the reasons and who can fix them.

    This depends on its contract, its limits on inviting, and abuse reports.
    """
    with transaction() as session:
        check, terms = contracts.check_account(session, policy=app_context().policy, account_id=account_id)
        others = dry_run.of_account(session, actor=actor(), policy=app_context().policy, account_id=account_id)
    reasons = [*check.reasons, *others]
    return {"eligible": not reasons, "reasons": reasons, "contract": terms and contract_out(terms)}


@v1.put("/accounts/<account_id>/contract")
@operator
@endpoint(
    "Accounts",
    body=ContractBody,
    response=ContractOut,
    problems=(404,),
    example={
        "monthly_commitment": {"amount": "1000.00", "currency": "USD"},
        "starts_on": "2026-01-01",
        "ends_on": "2026-12-31",
    },
)
def set_contract(account_id: str, body: ContractBody) -> dict[str, Any]:
    """Set an account's committed monthly spend.

    Replaces the contract that was recorded before.
    """
    with transaction() as session:
        contract = contracts.set_terms(
            session,
            actor=actor(),
            account_id=account_id,
            amount=body.monthly_commitment.amount,
            currency=body.monthly_commitment.currency,
            starts_on=body.starts_on,
            ends_on=body.ends_on,
        )
    return contract_out(contract)
