"""The one guard on every view, such as `@public`, `@signed_in`, `@member`, `@requires(Permission.X)`, `@operator`.

A stranger to an account gets 404, as if the account did not exist. A member without the permission gets 403, which
names it. Each guard marks its view, so a test can find a view without one.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import g, request

from shared.accounts import api_keys, memberships
from shared.actor import Actor, ActorKind
from shared.audit import log as audit_log
from shared.errors import NotFound, PermissionDenied, Unauthenticated, UsherError
from shared.permissions import Permission
from web.auth import identity, operator_session, webhook_signature
from web.auth.csrf import refuse_forged
from web.context import app_context
from web.database import autocommit_connection, transaction

View = Callable[..., Any]

_AUDITED_CODES = frozenset(
    {"permission_denied", "credential_not_allowed", "owner_immutable", "own_role", "role_not_assignable"}
)
PERSON = "person with "
"""Prefix of the mark of guards that admit only people."""

OPERATOR_OR = "the operator, or "
"""Prefix of the mark of guards that also admit the operator."""


def public(view: View) -> View:
    """Admit anyone, except a forged browser request."""

    def admit(_: dict[str, Any]) -> None:
        g.actor = identity.actor()

    return _guarded(view, "public", admit)


def public_lazy(view: View) -> View:
    """Admit anyone. The view itself identifies the caller (`identity.credential`) along with its own database work."""
    return _guarded(_must_identify(view), "public", lambda _: None)


def anonymous(view: View) -> View:
    """Admit anyone without identifying them, so the view works while the database is unavailable."""
    return _guarded(view, "public", lambda _: None)


def signed_in(view: View) -> View:
    """Admit only signed-in people."""

    def admit(_: dict[str, Any]) -> None:
        identity.user()
        g.actor = identity.actor()

    return _guarded(view, "signed_in", admit)


def authenticated(view: View) -> View:
    """Admit anyone with a valid credential of any kind."""

    def admit(_: dict[str, Any]) -> None:
        if identity.credential().kind is ActorKind.ANYONE:
            identity.user()
        g.actor = identity.actor()

    return _guarded(view, "authenticated", admit)


def operator(view: View) -> View:
    """Admit only the operator."""

    def admit(_: dict[str, Any]) -> None:
        kind = identity.credential().kind
        if kind is ActorKind.ANYONE:
            raise Unauthenticated("This needs the operator key.", remedy="Send it as a bearer token.")
        if kind is not ActorKind.OPERATOR:
            raise PermissionDenied("Only the operator of this installation may do this.", permission="operator")
        g.actor = identity.actor()

    return _guarded(view, "operator", admit)


def signed_webhook(view: View) -> View:
    """Admit only the mail system, which signs its requests. Raises `NotFound` if no signing key is set."""

    def admit(_: dict[str, Any]) -> None:
        key = app_context().settings.mail_events_key
        if key is None:
            raise NotFound("There is nothing at this address.", remedy="To be told of mails, set MAIL_EVENTS_KEY.")
        webhook_signature.require(key)
        g.actor = Actor(ActorKind.SYSTEM, request_id=g.request_id, origin=identity.client_address())

    return _guarded(view, "mail_system", admit)


def operator_page(view: View) -> View:
    """Admit only a browser in which the operator key was entered."""

    def admit(_: dict[str, Any]) -> None:
        identity.credential()
        operator_session.require()
        g.actor = Actor(ActorKind.OPERATOR, request_id=g.request_id, origin=identity.client_address())

    return _guarded(view, "operator", admit)


def local(view: View) -> View:
    """Admit anyone on this machine. If emails are caught here, others need the operator's browser session."""

    def admit(_: dict[str, Any]) -> None:
        if app_context().settings.mailbox_dir is not None and not identity.is_local():
            operator_session.require()
        g.actor = identity.actor()

    return _guarded(view, "local", admit)


def api_key(view: View) -> View:
    """Admit only API keys and the operator. The view's own query finds the key and passes it to `authenticate_key`."""

    def admit(_: dict[str, Any]) -> None:
        if identity.presented_api_key() is None:
            _refuse_people()

    return _guarded(_must_identify(view), "program", admit)


def member(view: View) -> View:
    """Admit members of the account in the path, in any role, and its API keys."""

    def admit(path: dict[str, Any]) -> None:
        g.actor = _in_account(path["account_id"])

    return _guarded(view, "member", admit)


def requires(permission: Permission) -> Callable[[View], View]:
    """Admit members and API keys of the account in the path that have this permission."""

    def admit(path: dict[str, Any]) -> None:
        g.actor = _in_account(path["account_id"])
        g.actor.require(permission)

    return lambda view: _guarded(view, permission, admit)


def person_with(permission: Permission) -> Callable[[View], View]:
    """Admit members of the account in the path with this permission, but none of its API keys."""

    def admit(path: dict[str, Any]) -> None:
        g.actor = _in_account(path["account_id"])
        identity.user()
        g.actor.require(permission)

    return lambda view: _guarded(view, f"{PERSON}{permission}", admit)


def operator_or(permission: Permission) -> Callable[[View], View]:
    """Admit the operator, and members and API keys of the account in the path with this permission."""

    def admit(path: dict[str, Any]) -> None:
        if identity.credential().kind is ActorKind.OPERATOR:
            g.actor = identity.actor()
            return
        g.actor = _in_account(path["account_id"])
        g.actor.require(permission)

    return lambda view: _guarded(view, f"{OPERATOR_OR}{permission}", admit)


def actor() -> Actor:
    """Return the caller that the guard admitted."""
    admitted: Actor = g.actor
    return admitted


def _guarded(view: View, mark: str, admit: Callable[[dict[str, Any]], None]) -> View:
    @wraps(view)
    def guarded(**path: Any) -> Any:
        refuse_forged()
        try:
            admit(path)
            answer = view(**path)
        except UsherError as error:
            _record_refusal(error)
            raise
        _record_presence()
        return answer

    guarded.guard = mark  # type: ignore[attr-defined]
    return guarded


def _must_identify(view: View) -> View:
    @wraps(view)
    def looked_up(**path: Any) -> Any:
        answer = view(**path)
        if "caller" not in g:
            raise RuntimeError("the view answered without identifying the caller")
        return answer

    return looked_up


def _refuse_people() -> None:
    kind = identity.credential().kind
    if kind is ActorKind.ANYONE:
        raise Unauthenticated("This needs an API key.", remedy="Send it as a bearer token.")
    if kind is ActorKind.USER:
        raise PermissionDenied("Only programs may ask this, with an API key.", permission="program")


def _record_refusal(error: UsherError) -> None:
    """Record in the account's audit log that a member or API key tried something it may not do."""
    found: Actor | None = g.get("actor")
    if found is None or found.account_id is None or error.code not in _AUDITED_CODES:
        return
    with transaction() as session:
        audit_log.record_refusal(
            session,
            found,
            account_id=found.account_id,
            code=error.code,
            permission=getattr(error, "permission", None),
            route=f"{request.method} {request.url_rule}",
        )


def _record_presence() -> None:
    """Record that the member was active or the API key was used, at most once a minute."""
    found: identity.Credential | None = g.get("caller")
    key = found.key if found else None
    if key is not None and key.use_is_due:
        with transaction() as session:
            api_keys.record_use(session, key.id)
    elif g.pop("seen_is_due", False):
        with transaction() as session:
            memberships.record_seen(session, account_id=g.actor.account_id, user_id=g.actor.user_id)


def _in_account(account_id: str) -> Actor:
    found = identity.credential()
    if found.kind is ActorKind.ANYONE:
        identity.user()
    if found.key is not None and found.key.account_id == account_id:
        return identity.actor(account_id, (found.key.role, found.key.creators_role))
    if found.user is not None:
        place = memberships.role_of(autocommit_connection(), account_id=account_id, user_id=found.user.id)
        if place is not None:
            g.seen_is_due = place[1]
            return identity.actor(account_id, (place[0],))
    raise NotFound("There is no such account, or you don't belong to it.", remedy="Check the account's id.")
