"""The one guard on every view: `@public`, `@signed_in`, `@member`, `@requires(Permission.X)`, `@asking`, `@operator`.

A stranger to an account gets 404, as if it were not there; a member without the right gets 403 naming the permission.
Each guard leaves its mark on the view, so that a test can find a view without one.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import g, request

from shared.actor import Actor, ActorKind
from shared.errors import NotFound, PermissionDenied, Unauthenticated, UsherError
from shared.permissions import Permission
from shared.services import api_keys, audit, memberships
from web import auth, operators, signed
from web.csrf import refuse_forged
from web.database import latest, transaction
from web.kit import kit

View = Callable[..., Any]

_TOLD_TO_THE_AUDIT = frozenset(
    {"permission_denied", "credential_not_allowed", "owner_immutable", "own_role", "role_not_assignable"}
)
PERSON = "person with "
"""What the mark of a guard begins with that lets in people only."""


def public(view: View) -> View:
    """Anyone may call this; a forged browser request may not."""

    def admit(_: dict[str, Any]) -> None:
        g.actor = auth.actor()

    return _guarded(view, "public", admit)


def whoever(view: View) -> View:
    """The same; who it is, the view finds out (`auth.caller`) on the way to the database that it goes anyway."""
    return _guarded(_looking_up(view), "public", lambda _: None)


def anonymous(view: View) -> View:
    """Anyone may read this, and nobody is asked who they are: it works while the database is away."""
    return _guarded(view, "public", lambda _: None)


def signed_in(view: View) -> View:
    """Only a signed-in person may call this."""

    def admit(_: dict[str, Any]) -> None:
        auth.user()
        g.actor = auth.actor()

    return _guarded(view, "signed_in", admit)


def authenticated(view: View) -> View:
    """Anyone with a valid credential of whatever kind may call this."""

    def admit(_: dict[str, Any]) -> None:
        if auth.caller().kind is ActorKind.ANYONE:
            auth.user()
        g.actor = auth.actor()

    return _guarded(view, "authenticated", admit)


def operator(view: View) -> View:
    """Only the operator may call this; everybody else is told that nothing is here."""

    def admit(_: dict[str, Any]) -> None:
        kind = auth.caller().kind
        if kind is ActorKind.ANYONE:
            raise Unauthenticated("This needs the operator key.", remedy="Send it as a bearer token.")
        if kind is not ActorKind.OPERATOR:
            raise PermissionDenied("Only the operator of this installation may do this.", permission="operator")
        g.actor = auth.actor()

    return _guarded(view, "operator", admit)


def mail_system(view: View) -> View:
    """Only the mail system may call this, which signs what it tells; where no key is set for that, nothing is here."""

    def admit(_: dict[str, Any]) -> None:
        key = kit().settings.mail_events_key
        if key is None:
            raise NotFound("There is nothing at this address.", remedy="To be told of mails, set MAIL_EVENTS_KEY.")
        signed.require(key)
        g.actor = Actor(ActorKind.SYSTEM, request_id=g.request_id, origin=auth.origin())

    return _guarded(view, "mail_system", admit)


def operating(view: View) -> View:
    """Only a browser in which the operator key was typed may see this page."""

    def admit(_: dict[str, Any]) -> None:
        auth.caller()
        operators.require()
        g.actor = Actor(ActorKind.OPERATOR, request_id=g.request_id, origin=auth.origin())

    return _guarded(view, "operator", admit)


def local(view: View) -> View:
    """Anyone on this very machine may see this page; from elsewhere, only the operator's browser."""

    def admit(_: dict[str, Any]) -> None:
        if kit().settings.mailbox_dir is not None and not auth.is_local():
            operators.require()
        g.actor = auth.actor()

    return _guarded(view, "local", admit)


def asking(view: View) -> View:
    """Only API keys and the operator may ask this; the view's own query looks up the key, for `auth.found_key`."""

    def admit(_: dict[str, Any]) -> None:
        if auth.shown_key() is None:
            _programs_only()

    return _guarded(_looking_up(view), "program", admit)


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
        auth.user()
        g.actor.require(permission)

    return lambda view: _guarded(view, f"{PERSON}{permission}", admit)


def operator_or(permission: Permission) -> Callable[[View], View]:
    """Only the operator may call this, and whoever has this permission in the account in the path."""

    def admit(path: dict[str, Any]) -> None:
        if auth.caller().kind is ActorKind.OPERATOR:
            g.actor = auth.actor()
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
        _note_presence()
        return answer

    guarded.guard = mark  # type: ignore[attr-defined]
    return guarded


def _looking_up(view: View) -> View:
    @wraps(view)
    def looked_up(**path: Any) -> Any:
        answer = view(**path)
        if "caller" not in g:
            raise RuntimeError("the view has answered without looking up who asks")
        return answer

    return looked_up


def _programs_only() -> None:
    kind = auth.caller().kind
    if kind is ActorKind.ANYONE:
        raise Unauthenticated("This needs an API key.", remedy="Send it as a bearer token.")
    if kind is ActorKind.USER:
        raise PermissionDenied("Only programs may ask this, with an API key.", permission="program")


def _record_refusal(error: UsherError) -> None:
    """Leave a trace in the account of a member or a key that tried what it may not."""
    who: Actor | None = g.get("actor")
    if who is None or who.account_id is None or error.code not in _TOLD_TO_THE_AUDIT:
        return
    with transaction() as session:
        audit.refused(
            session,
            who,
            account_id=who.account_id,
            code=error.code,
            permission=getattr(error, "permission", None),
            route=f"{request.method} {request.url_rule}",
        )


def _note_presence() -> None:
    """Note that the member was here, or that the key was used, where the last note is a minute old."""
    who: auth.Caller | None = g.get("caller")
    key = who.key if who else None
    if key is not None and key.use_is_due:
        with transaction() as session:
            api_keys.used(session, key.id)
    elif g.pop("seen_is_due", False):
        with transaction() as session:
            memberships.seen(session, account_id=g.actor.account_id, user_id=g.actor.user_id)


def _in_account(account_id: str) -> Actor:
    who = auth.caller()
    if who.kind is ActorKind.ANYONE:
        auth.user()
    if who.key is not None and who.key.account_id == account_id:
        return auth.actor(account_id, (who.key.role, who.key.creators_role))
    if who.user is not None:
        place = memberships.place(latest(), account_id=account_id, user_id=who.user.id)
        if place is not None:
            g.seen_is_due = place[1]
            return auth.actor(account_id, (place[0],))
    raise NotFound("There is no such account, or you don't belong to it.", remedy="Check the account's id.")
