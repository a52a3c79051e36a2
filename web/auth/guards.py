"""The one guard on every view: `@public`, `@signed_in`, `@member`, `@requires(Permission.X)`, `@asking`, `@operator`.

A stranger to an account gets 404, as if it were not there; a member without the right gets 403 naming the permission.
Each guard leaves its mark on the view, so that a test can find a view without one.
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
"""What the mark of a guard begins with that lets in people only."""


def public(view: View) -> View:
    """Anyone may call this; a forged browser request may not."""

    def admit(_: dict[str, Any]) -> None:
        g.actor = identity.actor()

    return _guarded(view, "public", admit)


def public_lazy(view: View) -> View:
    """The same; who it is, the view finds out (`auth.credential`) on the way to the database that it goes anyway."""
    return _guarded(_must_identify(view), "public", lambda _: None)


def anonymous(view: View) -> View:
    """Anyone may read this, and nobody is asked who they are: it works while the database is away."""
    return _guarded(view, "public", lambda _: None)


def signed_in(view: View) -> View:
    """Only a signed-in person may call this."""

    def admit(_: dict[str, Any]) -> None:
        identity.user()
        g.actor = identity.actor()

    return _guarded(view, "signed_in", admit)


def authenticated(view: View) -> View:
    """Anyone with a valid credential of whatever kind may call this."""

    def admit(_: dict[str, Any]) -> None:
        if identity.credential().kind is ActorKind.ANYONE:
            identity.user()
        g.actor = identity.actor()

    return _guarded(view, "authenticated", admit)


def operator(view: View) -> View:
    """Only the operator may call this; everybody else is told that nothing is here."""

    def admit(_: dict[str, Any]) -> None:
        kind = identity.credential().kind
        if kind is ActorKind.ANYONE:
            raise Unauthenticated("This needs the operator key.", remedy="Send it as a bearer token.")
        if kind is not ActorKind.OPERATOR:
            raise PermissionDenied("Only the operator of this installation may do this.", permission="operator")
        g.actor = identity.actor()

    return _guarded(view, "operator", admit)


def signed_webhook(view: View) -> View:
    """Only the mail system may call this, which signs what it tells; where no key is set for that, nothing is here."""

    def admit(_: dict[str, Any]) -> None:
        key = app_context().settings.mail_events_key
        if key is None:
            raise NotFound("There is nothing at this address.", remedy="To be told of mails, set MAIL_EVENTS_KEY.")
        webhook_signature.require(key)
        g.actor = Actor(ActorKind.SYSTEM, request_id=g.request_id, origin=identity.client_address())

    return _guarded(view, "mail_system", admit)


def operator_page(view: View) -> View:
    """Only a browser in which the operator key was typed may see this page."""

    def admit(_: dict[str, Any]) -> None:
        identity.credential()
        operator_session.require()
        g.actor = Actor(ActorKind.OPERATOR, request_id=g.request_id, origin=identity.client_address())

    return _guarded(view, "operator", admit)


def local(view: View) -> View:
    """Anyone on this very machine may see this page; from elsewhere, only the operator's browser."""

    def admit(_: dict[str, Any]) -> None:
        if app_context().settings.mailbox_dir is not None and not identity.is_local():
            operator_session.require()
        g.actor = identity.actor()

    return _guarded(view, "local", admit)


def api_key(view: View) -> View:
    """Only API keys and the operator may ask this; the view's own query looks up the key, for `auth.found_key`."""

    def admit(_: dict[str, Any]) -> None:
        if identity.presented_api_key() is None:
            _refuse_people()

    return _guarded(_must_identify(view), "program", admit)


def member(view: View) -> View:
    """Only members of the account in the path may call this, whatever their role, and its API keys."""

    def admit(path: dict[str, Any]) -> None:
        g.actor = _in_account(path["account_id"])

    return _guarded(view, "member", admit)


def requires(permission: Permission) -> Callable[[View], View]:
    """Only members of the account in the path with this permission may call this, and its API keys that have it."""

    def admit(path: dict[str, Any]) -> None:
        g.actor = _in_account(path["account_id"])
        g.actor.require(permission)

    return lambda view: _guarded(view, permission, admit)


def person_with(permission: Permission) -> Callable[[View], View]:
    """Only members of the account in the path with this permission may call this; none of its API keys."""

    def admit(path: dict[str, Any]) -> None:
        g.actor = _in_account(path["account_id"])
        identity.user()
        g.actor.require(permission)

    return lambda view: _guarded(view, f"{PERSON}{permission}", admit)


def operator_or(permission: Permission) -> Callable[[View], View]:
    """Only the operator may call this, and whoever has this permission in the account in the path."""

    def admit(path: dict[str, Any]) -> None:
        if identity.credential().kind is ActorKind.OPERATOR:
            g.actor = identity.actor()
            return
        g.actor = _in_account(path["account_id"])
        g.actor.require(permission)

    return lambda view: _guarded(view, f"the operator, or {permission}", admit)


def actor() -> Actor:
    """The caller, as the guard has admitted it."""
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
            raise RuntimeError("the view has answered without looking up who asks")
        return answer

    return looked_up


def _refuse_people() -> None:
    kind = identity.credential().kind
    if kind is ActorKind.ANYONE:
        raise Unauthenticated("This needs an API key.", remedy="Send it as a bearer token.")
    if kind is ActorKind.USER:
        raise PermissionDenied("Only programs may ask this, with an API key.", permission="program")


def _record_refusal(error: UsherError) -> None:
    """Leave a trace in the account of a member or a key that tried what it may not."""
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
    """Note that the member was here, or that the key was used, where the last note is a minute old."""
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
