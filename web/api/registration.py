"""Sign-up and verification of the address. No response reveals if an address is known."""

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
    """Sign up a user.

    An email brings the link that verifies the address. The response is the same for an address that is already known.
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
    """Verify an email address with the token of the emailed link.

    The caller also proves that the sign-up is theirs, with a session or its password; otherwise the response is 401
    `password_needed`. Choosing a `new_password` replaces both. All other sign-ups for the address are deleted, and all
    sessions except the caller's end. Repeating the request changes nothing.
    """
    return {"email": verify_email(body).email, "email_verified": True}


@v1.post("/users/verify/resend")
@public
@endpoint("People", body=AddressBody, status=202, problems=(429,), example={"email": "carol@corp.example"})
def resend_proof(body: AddressBody) -> None:
    """Email the link that verifies an address again, if the address still needs it."""
    registration.resend_proof(body.email)
