"""The caller of a request: a session (cookie or bearer token), an API key, the operator key, or an anonymous caller."""

from dataclasses import dataclass

from flask import g, request

from shared.accounts import api_keys, sessions
from shared.accounts.api_keys import FoundKey
from shared.accounts.sessions import SignedIn
from shared.actor import Actor, ActorKind
from shared.errors import CredentialNotAllowed, Unauthenticated
from shared.permissions import Role
from web.auth import cookies, guess_limits, host_header, operator_session
from web.auth.client_address import PROXY_HEADERS, find_client
from web.auth.client_address import Client as FoundCaller
from web.context import app_context
from web.database import autocommit_connection

_KINDS = {ActorKind.API_KEY: "An API key", ActorKind.OPERATOR: "The operator key"}
_VARIABLES = {name: "HTTP_" + name.upper().replace("-", "_") for name in PROXY_HEADERS}


@dataclass(frozen=True, slots=True)
class Credential:
    """The identity behind the request's credential. `by_cookie` is true if the browser sent it by itself."""

    kind: ActorKind = ActorKind.ANYONE
    token: str = ""
    user: SignedIn | None = None
    key: FoundKey | None = None
    by_cookie: bool = False

    @property
    def name(self) -> str:
        """The scope of the caller's idempotency keys."""
        return (self.key.id if self.key else None) or (self.user.id if self.user else None) or self.kind


def session_cookie() -> str:
    """Return the name of the cookie that keeps a browser signed in."""
    return cookies.named("usher")


def credential() -> Credential:
    """Return the caller's credential, identified once per request. Raises `Unauthenticated` if it isn't valid."""
    if "caller" not in g:
        g.caller = _identify()
    found: Credential = g.caller
    return found


def presented_api_key() -> str | None:
    """Return the API key in the request, not yet verified; None if it has none."""
    bearer = _bearer() or ""
    return bearer if bearer.startswith(api_keys.PREFIX) and not operator_session.is_key(bearer) else None


def shows_bearer() -> bool:
    """Return True if the request carries a bearer token, which browsers never add by themselves."""
    return bool(_bearer())


def authenticate_key(key: FoundKey | None) -> FoundKey:
    """Set the caller to this API key, and return it. Raises `Unauthenticated` for None."""
    if key is None:
        raise _refused_token(_bearer() or "")
    g.caller = Credential(ActorKind.API_KEY, key=key)
    return key


def user() -> SignedIn:
    """Return the signed-in user.

    Raises `Unauthenticated` if the caller isn't signed in, and `CredentialNotAllowed` for an API or operator key.
    """
    found = credential()
    if found.user is not None:
        return found.user
    if found.kind is ActorKind.ANYONE:
        raise Unauthenticated("Nobody is signed in.", remedy="Sign in, and send the token as a bearer token.")
    raise CredentialNotAllowed(
        f"{_KINDS[found.kind]} can't do this. Nothing was changed.",
        remedy="Sign in as a person, and send the session's token as a bearer token.",
    )


def actor(account_id: str | None = None, roles: tuple[Role, ...] = ()) -> Actor:
    """Return the caller as the actor that services expect, in an account if one is given."""
    found = credential()
    user_id = found.user.id if found.user else None
    if found.key is not None:
        return _actor(found.kind, found.key.id, found.key.created_by, account_id, roles)
    return _actor(found.kind, user_id, user_id, account_id, roles)


def client_address() -> str | None:
    """Return the client's IP address, behind our own proxies; None if unknown."""
    return _client().address


def caller_network() -> str:
    """Return the key to count the caller under, which tells callers apart even without a readable address."""
    where = _client()
    return guess_limits.network_of(where.address) or where.key


def is_local() -> bool:
    """Return True if the request comes from this machine, and through no proxy."""
    where = _client()
    return host_header.is_loopback(where.address) and not where.traces


def _client() -> FoundCaller:
    sent = request.environ
    # The gateway has joined the lines of each header with commas.
    lines = {name: [sent[variable]] for name, variable in _VARIABLES.items() if variable in sent}
    return find_client(sent.get("REMOTE_ADDR"), lines, app_context().settings.trusted_proxies)


def _actor(
    kind: ActorKind, actor_id: str | None, user_id: str | None, account_id: str | None, roles: tuple[Role, ...]
) -> Actor:
    where = _client()
    return Actor(kind, actor_id, user_id, account_id, roles, g.request_id, where.address, where.traces)


def _identify() -> Credential:
    bearer = _bearer()
    if bearer is not None:
        found = _from_bearer(bearer) if bearer else None
        if found is None:
            raise _refused_token(bearer)
        return found
    token = request.cookies.get(session_cookie(), "")
    person = sessions.find_signed_in(autocommit_connection(), token) if token else None
    return Credential(ActorKind.USER, token, person, by_cookie=True) if person else Credential()


def _bearer() -> str | None:
    """Return the bearer token of the request; empty for another scheme, None without an `Authorization` header."""
    scheme, _, shown = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if not scheme:
        return None
    return shown.strip() if scheme.lower() == "bearer" else ""


def _from_bearer(token: str) -> Credential | None:
    if operator_session.is_key(token):
        guess_limits.refuse_operator_key(caller_network())
        return Credential(ActorKind.OPERATOR)
    if token.startswith(api_keys.PREFIX):
        found = api_keys.find_live(autocommit_connection(), token)
        return Credential(ActorKind.API_KEY, key=found) if found else None
    person = sessions.find_signed_in(autocommit_connection(), token)
    return Credential(ActorKind.USER, token, person) if person else None


def _refused_token(bearer: str) -> Unauthenticated:
    """Count an invalid token, and return the error to raise. Raises `TooSoon` beyond the limit."""
    guess_limits.count_unknown_token(caller_network(), bearer, origin=client_address())
    return Unauthenticated(
        "The bearer token is unknown, has ended or was revoked.",
        remedy="Sign in again, or use a key that is still valid.",
    )
