"""Sign up, and verify an email address."""

from shared.accounts import password_policy, sessions, signups
from shared.accounts.signups import Chosen, Unproven
from shared.email_address import BadAddress, EmailAddress, parse
from shared.errors import Invalid, PasswordNeeded, SignupPasswordWrong, Unauthenticated
from shared.models import Signup, User
from web.auth import attempt_limits, identity
from web.auth.attempt_limits import EmailKind
from web.auth.constant_time import even_time
from web.auth.guards import actor
from web.context import app_context
from web.database import transaction
from web.schemas.users import ProofBody, SignUpBody


def sign_up_user(body: SignUpBody) -> Signup:
    """Sign up a user within the limits, and enqueue the email that verifies the address."""
    address = address_of(body.email)
    attempt_limits.count_attempt("sign_up", attempt_limits.client_key())
    attempt_limits.count_attempt("sign_up_daily", attempt_limits.client_key())
    digest = password_policy.chosen(body.password, about=(body.name, address.key), settings=app_context().settings)
    emails = attempt_limits.count_email(EmailKind.SIGN_UP, address)
    with transaction() as session:
        return signups.sign_up(
            session,
            actor=actor(),
            policy=app_context().policy,
            address=address,
            name=body.name,
            password_hash=digest,
            locale=body.locale,
            emails=emails,
        )


def sign_up_of(token: str) -> tuple[Unproven, bool]:
    """Return the sign-up that a link belongs to, and True if the caller needs no password.

    They need none if the address is already verified or the sign-up is their own.
    """
    with transaction() as session:
        found = signups.find(session, token=token)
    me = identity.credential().user
    return found, found.email_verified_at is not None or (me is not None and me.id == found.id)


def verify_email(body: ProofBody) -> User:
    """Verify the address that this link was emailed to."""
    found, is_theirs = sign_up_of(body.token)
    chosen = None
    if found.email_verified_at is not None and body.new_password is not None:
        # A repeated form has already set this password. Any other form is too late.
        _check_password(found, body.new_password)
    elif body.new_password is not None:
        chosen = _choose(body, found)
    elif not is_theirs:
        _check_password(found, body.password)
    with transaction() as session:
        return signups.prove(session, actor=actor(), token=body.token, keep=identity.credential().token, chosen=chosen)


def resend_own_proof() -> None:
    """Email the verification link of the signed-in user's sign-up again, within the limits."""
    me = identity.user()
    if attempt_limits.count_email(EmailKind.PROOF, address_of(me.email)):
        with transaction() as session:
            signups.resend_own(session, policy=app_context().policy, signup_id=me.id)


def resend_proof(email: str) -> None:
    """Email the link that proves an address anew, where one is due, within the limits."""
    address = address_of(email)
    with even_time():
        emails = attempt_limits.count_email(EmailKind.PROOF, address)
        with transaction() as session:
            if emails:
                signups.resend(session, policy=app_context().policy, address=address)
            else:
                signups.enqueue_dropped_email(session, address)


def address_of(email: str) -> EmailAddress:
    """Parse the address. Raises `Invalid`, which names the field."""
    try:
        return parse(email)
    except BadAddress as error:
        raise Invalid([("email", str(error))]) from None


def _choose(body: ProofBody, found: Unproven) -> Chosen:
    about = (body.name or found.name, found.email_key)
    digest = password_policy.chosen(
        body.new_password or "", about=about, settings=app_context().settings, field="new_password"
    )
    return Chosen(digest, body.name)


def _check_password(found: Unproven, password: str | None) -> None:
    if not password:
        raise PasswordNeeded(
            "This link belongs to a sign-up with a password.",
            remedy="Enter the password that was chosen at sign-up, or choose a new one.",
        )
    try:
        attempt_limits.limited_password_check(lambda: sessions.check_password([found], password), "sign-up", found.id)
    except Unauthenticated:
        raise SignupPasswordWrong(
            "This password doesn't belong to this sign-up.",
            remedy="Check your inbox for another email with your own link, or choose a new password.",
        ) from None
