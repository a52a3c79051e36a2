"""Signing up, proving the address, a forgotten password. No answer tells whether an address is known."""

from typing import Any

from shared.email_address import BadAddress, EmailAddress, parse
from shared.errors import Invalid
from shared.models import User
from shared.services import passwords, users
from web import limits
from web.call import call, v1
from web.database import transaction
from web.guard import actor, public
from web.idempotent import idempotent
from web.kit import kit
from web.schemas.people import AddressBody, NewPasswordBody, ProvenOut, SignUpBody, TokenBody, UserOut, user_out


@v1.post("/users")
@public
@idempotent
@call(
    "People",
    body=SignUpBody,
    answers=UserOut,
    status=201,
    problems=(409, 429),
    example={"email": "carol@corp.example", "name": "Carol Díaz", "password": "correct horse battery"},
)
def sign_up(body: SignUpBody) -> dict[str, Any]:
    """Sign up.

    A mail brings the link that proves the address. The answer is the same for an address that is known already.
    """
    return as_unproven(enrol(body))


@v1.post("/users/verify")
@public
@call("People", body=TokenBody, answers=ProvenOut, problems=(404, 410), example={"token": "x" * 43})
def prove_address(body: TokenBody) -> dict[str, Any]:
    """Prove an address with the token of the link that was mailed to it. Doing it again changes nothing."""
    return {"email": prove(body.token).email, "email_verified": True}


@v1.post("/users/verify/resend")
@public
@call("People", body=AddressBody, status=202, problems=(429,), example={"email": "carol@corp.example"})
def resend_proof(body: AddressBody) -> None:
    """Mail the link that proves an address anew, where one is due."""
    mail_proof(body.email)


@v1.post("/password-resets")
@public
@call("People", body=AddressBody, status=202, problems=(429,), example={"email": "carol@corp.example"})
def request_password_reset(body: AddressBody) -> None:
    """Mail a link that sets a new password, where there is a user of this address."""
    mail_reset(body.email)


@v1.post("/password-resets/confirm")
@public
@call(
    "People",
    body=NewPasswordBody,
    status=204,
    problems=(404, 410),
    example={"token": "x" * 43, "password": "correct horse battery"},
)
def reset_password(body: NewPasswordBody) -> None:
    """Set a new password with the token of the link; every sign-in of the user ends."""
    set_password(body.token, body.password)


def enrol(body: SignUpBody) -> User:
    """Sign somebody up, within the limits, and promise the mail that proves the address."""
    address = address_of(body.email)
    limits.count("sign_up", limits.from_here())
    limits.count("mail", address.key)
    digest = passwords.digest(body.password)
    with transaction() as session:
        return users.sign_up(
            session,
            actor=actor(),
            rules=kit().rules,
            address=address,
            name=body.name,
            password_hash=digest,
            locale=body.locale,
        )


def prove(token: str) -> User:
    """Prove the address that this link was mailed to."""
    with transaction() as session:
        return users.prove(session, actor=actor(), token=token)


def mail_proof(email: str) -> None:
    """Promise the proving mail anew, where one is due, within the limits."""
    address = address_of(email)
    limits.count("mail", address.key)
    with transaction() as session:
        users.resend_proof(session, rules=kit().rules, address=address)


def mail_reset(email: str) -> None:
    """Promise a mail that sets a new password, where there is a user to mail it to, within the limits."""
    address = address_of(email)
    limits.count("mail", address.key)
    with transaction() as session:
        users.request_reset(session, actor=actor(), rules=kit().rules, address=address)


def set_password(token: str, password: str) -> None:
    """Set a new password by the link that was mailed; the slow hash is made only for a link that works."""
    with transaction() as session:
        users.find_reset(session, token=token)
    digest = passwords.digest(password)
    with transaction() as session:
        users.reset_password(session, actor=actor(), token=token, password_hash=digest)


def address_of(email: str) -> EmailAddress:
    """The address, or the error that names the field."""
    try:
        return parse(email)
    except BadAddress as error:
        raise Invalid([("email", str(error))]) from None


def as_unproven(user: User) -> dict[str, Any]:
    """A user as everybody looks who has just signed up."""
    return user_out(user) | {"email_verified": False, "default_account_id": None}
