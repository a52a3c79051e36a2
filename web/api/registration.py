"""Signing up, and proving the address. No answer tells whether an address is known."""

from typing import Any

from web.actions import registration
from web.actions.registration import sign_up_user, verify_email
from web.auth.guards import public
from web.http.endpoint import endpoint, v1
from web.http.idempotency import idempotent
from web.schemas.users import AddressBody, ProofBody, ProvenOut, SignUpBody, UserOut, user_out


@v1.post("/users")
@public
@idempotent
@endpoint(
    "People",
    body=SignUpBody,
    response=UserOut,
    status=201,
    problems=(409, 429),
    example={"email": "carol@corp.example", "name": "Carol Díaz", "password": "correct horse battery"},
)
def sign_up(body: SignUpBody) -> dict[str, Any]:
    """Sign up.

    An email brings the link that proves the address. The answer is the same for an address that is known already.
    """
    return user_out(sign_up_user(body))


@v1.post("/users/verify")
@public
@endpoint(
    "People",
    body=ProofBody,
    response=ProvenOut,
    problems=(401, 404, 410, 429),
    example={"token": "x" * 43, "password": "correct horse battery"},
)
def prove_address(body: ProofBody) -> dict[str, Any]:
    """Prove an address with the token of the link that was emailed to it, and the secret of the sign-up it belongs to.

    That is a session of this sign-up, or its password; without either the answer is 401 `password_needed`. Choosing a
    `new_password` takes the place of both. Every other sign-up for the address is deleted, and every session but the
    one that proves. Doing it again changes nothing.
    """
    return {"email": verify_email(body).email, "email_verified": True}


@v1.post("/users/verify/resend")
@public
@endpoint("People", body=AddressBody, status=202, problems=(429,), example={"email": "carol@corp.example"})
def resend_proof(body: AddressBody) -> None:
    """Email the link that proves an address anew, where one is due."""
    registration.resend_proof(body.email)
