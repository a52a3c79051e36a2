"""Signing in and out."""

from datetime import datetime
from typing import Any, NamedTuple

from shared.email_address import BadAddress, folded, parse
from shared.errors import Unauthenticated
from shared.models import Account, Signup, User
from shared.services import accounts, failed_sign_ins, sessions, throttles
from web import auth, guesses, known_device, limits
from web.call import call, v1
from web.database import transaction
from web.guard import actor, public, signed_in
from web.kit import kit
from web.schemas.people import SessionOut, SignInBody, user_out


class SignedIn(NamedTuple):
    """A session that was just started: whose, its token and end, and the account to begin with."""

    user: User | Signup
    token: str
    expires_at: datetime
    landing: Account | None


@v1.post("/sessions")
@public
@call(
    "People",
    body=SignInBody,
    answers=SessionOut,
    status=201,
    problems=(401, 429),
    example={"email": "owner@demo.example", "password": "the one that was chosen"},
)
def sign_in(body: SignInBody) -> dict[str, Any]:
    """Sign in; the token is shown this once. `landing_account` is where the person wants to begin."""
    opened = open_session(body.email, body.password)
    return {
        "token": opened.token,
        "expires_at": opened.expires_at,
        "user": user_out(opened.user),
        "landing_account": opened.landing,
    }


@v1.delete("/sessions/current")
@signed_in
@call("People", status=204)
def sign_out() -> None:
    """Sign out: the token opens nothing from now on."""
    close_session()


def open_session(email: str, password: str) -> SignedIn:
    """Sign in by address and password; tries are limited by address and by caller."""
    try:
        key = parse(email).key
    except BadAddress:
        key = ""
    with transaction() as session:
        people = sessions.of_address(session, key)
        usual = failed_sign_ins.usual_origins(session, email_key=key)
    place = _place(people, usual)
    buckets = guesses.on_account(folded(key), place), guesses.from_caller(limits.from_here())
    # No connection is held while the password is compared: it takes longer than everything else together.
    try:
        who = guesses.tried(
            lambda: sessions.check_password(people, password), *buckets, origin=auth.origin(), address=key
        )
    except Unauthenticated:
        _record_failure(key)
        raise
    start = sessions.start if isinstance(who, User) else sessions.start_unproven
    with transaction() as session:
        token, expires_at = start(session, actor=actor(), user_id=who.id, ttl=kit().settings.session_ttl)
        if place:
            throttles.forget(session, buckets[0][0])
        return SignedIn(who, token, expires_at, accounts.landing(session, who))


def _place(people: list[User | Signup], usual: set[str]) -> str:
    """What the address's owner is known by here: their browser or their network; empty for strangers."""
    for person in people:
        if person.email_verified_at is not None and known_device.is_known(person.id):
            return "device"
    network = limits.from_here()
    return network if network and network in {guesses.network_of(origin) for origin in usual} else ""


def _record_failure(email_key: str) -> None:
    if email_key:
        with transaction() as session:
            failed_sign_ins.record(session, email_key=email_key, origin=auth.origin())


def close_session() -> None:
    """End the caller's session, if there is one."""
    with transaction() as session:
        sessions.end(session, token=auth.caller().token)
