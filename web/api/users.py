"""Signing up, and proving the address. No answer tells whether an address is known."""

from typing import Any

from shared.email_address import BadAddress, EmailAddress, parse
from shared.errors import Invalid, PasswordNeeded
from shared.models import Signup, User
from shared.services import password_policy, sessions, signups
from shared.services.signups import Chosen, Unproven
from web import auth, limits
from web.call import call, v1
from web.database import transaction
from web.even_time import even_time
from web.guard import actor, public
from web.idempotent import idempotent
from web.kit import kit
from web.schemas.people import AddressBody, ProofBody, ProvenOut, SignUpBody, UserOut, user_out


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

    An email brings the link that proves the address. The answer is the same for an address that is known already.
    """
    return user_out(enrol(body))


@v1.post("/users/verify")
@public
@call(
    "People",
    body=ProofBody,
    answers=ProvenOut,
    problems=(401, 404, 410, 429),
    example={"token": "x" * 43, "password": "correct horse battery"},
)
def prove_address(body: ProofBody) -> dict[str, Any]:
    """Prove an address with the token of the link that was emailed to it, and the secret of the sign-up it belongs to.

    That is a session of this sign-up, or its password; without either the answer is 401 `password_needed`. Choosing a
    `new_password` takes the place of both. Every other sign-up for the address is deleted, and every session but the
    one that proves. Doing it again changes nothing.
    """
    return {"email": prove(body).email, "email_verified": True}


@v1.post("/users/verify/resend")
@public
@call("People", body=AddressBody, status=202, problems=(429,), example={"email": "carol@corp.example"})
def resend_proof(body: AddressBody) -> None:
    """Email the link that proves an address anew, where one is due."""
    address = address_of(body.email)
    with even_time():
        limits.count_email(address)
        with transaction() as session:
            signups.resend(session, rules=kit().rules, address=address)


def enrol(body: SignUpBody) -> Signup:
    """Sign somebody up, within the limits, and enqueue the email that proves the address."""
    address = address_of(body.email)
    limits.count("sign_up", limits.from_here())
    limits.count_email(address)
    digest = password_policy.chosen(body.password, about=(body.name, address.key), settings=kit().settings)
    with transaction() as session:
        return signups.sign_up(
            session,
            actor=actor(),
            rules=kit().rules,
            address=address,
            name=body.name,
            password_hash=digest,
            locale=body.locale,
        )


def sign_up_of(token: str) -> tuple[Unproven, bool]:
    """The sign-up that a link belongs to, and whether the caller needs no password: it is proven, or theirs."""
    with transaction() as session:
        found = signups.find(session, token=token)
    me = auth.caller().user
    return found, found.email_verified_at is not None or (me is not None and me.id == found.id)


def prove(body: ProofBody) -> User:
    """Prove the address that this link was emailed to."""
    found, is_theirs = sign_up_of(body.token)
    chosen = None
    if found.email_verified_at is not None and body.new_password is not None:
        # A form that was sent twice has set this password; any other one is too late.
        _check_password(found, body.new_password)
    elif body.new_password is not None:
        chosen = _choose(body, found)
    elif not is_theirs:
        _check_password(found, body.password)
    with transaction() as session:
        return signups.prove(session, actor=actor(), token=body.token, keep=auth.caller().token, chosen=chosen)


def resend_own_proof() -> None:
    """Email the link of the signed-in person's own sign-up anew, within the limits."""
    me = auth.user()
    limits.count_email(address_of(me.email))
    with transaction() as session:
        signups.resend_own(session, rules=kit().rules, signup_id=me.id)


def address_of(email: str) -> EmailAddress:
    """The address, or the error that names the field."""
    try:
        return parse(email)
    except BadAddress as error:
        raise Invalid([("email", str(error))]) from None


def _choose(body: ProofBody, found: Unproven) -> Chosen:
    about = (body.name or found.name, found.email_key)
    digest = password_policy.chosen(body.new_password or "", about=about, settings=kit().settings, field="new_password")
    return Chosen(digest, body.name)


def _check_password(found: Unproven, password: str | None) -> None:
    if not password:
        raise PasswordNeeded(
            "This link belongs to a sign-up with a password.",
            remedy="Enter the password that was chosen at sign-up, or choose a new one.",
        )
    limits.password_tried(lambda: sessions.check_password([found], password), "sign-up", found.id)
