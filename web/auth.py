"""Who is calling: a session by cookie or bearer, an API key, the operator key, or nobody."""

from dataclasses import dataclass

from flask import g, request

from shared.actor import Actor, ActorKind
from shared.errors import CredentialNotAllowed, Unauthenticated
from shared.permissions import Role
from shared.services import api_keys, sessions
from shared.services.api_keys import FoundKey
from shared.services.sessions import SignedIn
from web import cookies, guesses, hosts, operators
from web.database import latest
from web.kit import kit
from web.origin import SPEAKING, find_caller
from web.origin import Caller as FoundCaller

_KINDS = {ActorKind.API_KEY: "An API key", ActorKind.OPERATOR: "The operator key"}
_VARIABLES = {name: "HTTP_" + name.upper().replace("-", "_") for name in SPEAKING}


@dataclass(frozen=True, slots=True)
class Caller:
    """What the request's credential stands for; `by_cookie` says that a browser sent it by itself."""

    kind: ActorKind = ActorKind.ANYONE
    token: str = ""
    user: SignedIn | None = None
    key: FoundKey | None = None
    by_cookie: bool = False

    @property
    def name(self) -> str:
        """What the caller's idempotency keys are kept under."""
        return (self.key.id if self.key else None) or (self.user.id if self.user else None) or self.kind


def cookie() -> str:
    """The name of the cookie that keeps a browser signed in."""
    return cookies.named("usher")


def caller() -> Caller:
    """Whoever is calling, found out once a request; a credential that opens nothing is `Unauthenticated`."""
    if "caller" not in g:
        g.caller = _identify()
    found: Caller = g.caller
    return found


def shown_key() -> str | None:
    """The API key that the request shows, before anybody has looked whether it opens anything."""
    bearer = _bearer() or ""
    return bearer if bearer.startswith(api_keys.PREFIX) and not operators.is_key(bearer) else None


def shows_bearer() -> bool:
    """Whether a bearer token, and nothing that a browser sends by itself, says who is calling."""
    return bool(_bearer())


def found_key(key: FoundKey | None) -> FoundKey:
    """Take this for the key that the request shows; raises `Unauthenticated` where it opens nothing."""
    if key is None:
        raise _refused_token(_bearer() or "")
    g.caller = Caller(ActorKind.API_KEY, key=key)
    return key


def user() -> SignedIn:
    """The signed-in person; raises `Unauthenticated` for nobody, `CredentialNotAllowed` for a key."""
    who = caller()
    if who.user is not None:
        return who.user
    if who.kind is ActorKind.ANYONE:
        raise Unauthenticated("Nobody is signed in.", remedy="Sign in, and send the token as a bearer token.")
    raise CredentialNotAllowed(
        f"{_KINDS[who.kind]} can't do this. Nothing was changed.",
        remedy="Sign in as a person, and send the session's token as a bearer token.",
    )


def actor(account_id: str | None = None, roles: tuple[Role, ...] = ()) -> Actor:
    """The caller as services know it, in an account where that matters."""
    who = caller()
    user_id = who.user.id if who.user else None
    if who.key is not None:
        return _actor(who.kind, who.key.id, who.key.created_by, account_id, roles)
    return _actor(who.kind, user_id, user_id, account_id, roles)


def origin() -> str | None:
    """The caller's address behind our own proxies."""
    return _from_where().address


def caller_network() -> str:
    """The name to count the caller's requests under; it tells callers apart even where no address can be read."""
    where = _from_where()
    return guesses.network_of(where.address) or where.key


def is_local() -> bool:
    """Whether the request comes from this very machine, and through no proxy."""
    where = _from_where()
    return hosts.is_loopback(where.address) and not where.traces


def _from_where() -> FoundCaller:
    sent = request.environ
    # The front has put the lines of one name together, with commas between them.
    lines = {name: [sent[variable]] for name, variable in _VARIABLES.items() if variable in sent}
    return find_caller(request.remote_addr, lines, kit().settings.trusted_proxies)


def _actor(
    kind: ActorKind, actor_id: str | None, user_id: str | None, account_id: str | None, roles: tuple[Role, ...]
) -> Actor:
    where = _from_where()
    return Actor(kind, actor_id, user_id, account_id, roles, g.request_id, where.address, where.traces)


def _identify() -> Caller:
    bearer = _bearer()
    if bearer is not None:
        found = _by_bearer(bearer) if bearer else None
        if found is None:
            raise _refused_token(bearer)
        return found
    token = request.cookies.get(cookie(), "")
    person = sessions.signed_in(latest(), token) if token else None
    return Caller(ActorKind.USER, token, person, by_cookie=True) if person else Caller()


def _bearer() -> str | None:
    """The bearer token that the request shows; empty for another scheme, None where it shows nothing."""
    scheme, _, shown = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if not scheme:
        return None
    return shown.strip() if scheme.lower() == "bearer" else ""


def _by_bearer(token: str) -> Caller | None:
    if operators.is_key(token):
        guesses.refuse_operator_key(caller_network())
        return Caller(ActorKind.OPERATOR)
    if token.startswith(api_keys.PREFIX):
        found = api_keys.find(latest(), token)
        return Caller(ActorKind.API_KEY, key=found) if found else None
    person = sessions.signed_in(latest(), token)
    return Caller(ActorKind.USER, token, person) if person else None


def _refused_token(bearer: str) -> Unauthenticated:
    """What to raise for a token that opens nothing, once it is counted; raises `TooSoon` beyond the limit."""
    guesses.count_unknown_token(caller_network(), bearer, origin=origin())
    return Unauthenticated(
        "The bearer token is unknown, has ended or was revoked.",
        remedy="Sign in again, or use a key that is still valid.",
    )
