"""Origin of an invitation request and its matches in the network lists, stored with the invitation.

The request looks the networks up once. Workers use the stored matches and need no lists.
"""

from datetime import datetime
from ipaddress import ip_address
from typing import Any

from shared.actor import Actor, ActorKind
from shared.checks.ip_ranges import NetworkMatch, Origin
from shared.clock import rfc3339
from shared.policy import ProxyKind
from shared.policy_context import PolicyContext

_KINDS = frozenset(ProxyKind)

_UNREAD = "the proxy in front sent no readable client address"


def of(actor: Actor, policy: PolicyContext) -> Origin:
    """The origin of this actor's request. Empty for an actor without a request, such as a command or the system."""
    by_program = actor.kind is ActorKind.API_KEY
    if actor.origin is None:
        unread = (_UNREAD,) if actor.request_id is not None else ()
        return Origin(by_program=by_program, traces=actor.traces, gaps=unread)
    return policy.networks.look_up(ip_address(actor.origin), by_program=by_program, traces=actor.traces)


def as_json(origin: Origin) -> dict[str, Any]:
    """The origin as JSON for the invitation's row."""
    return {
        "address": origin.address,
        "by_program": origin.by_program,
        "traces": list(origin.traces),
        "hits": [[hit.kind, hit.source, hit.dated and rfc3339(hit.dated)] for hit in origin.hits],
        "sources": list(origin.sources),
        "oldest": origin.oldest and rfc3339(origin.oldest),
        "gaps": list(origin.gaps),
    }


def from_json(kept: dict[str, Any] | None) -> Origin:
    """Parse a stored origin. Invitations from before origins were stored have an empty one."""
    if kept is None:
        return Origin()
    return Origin(
        address=kept["address"],
        by_program=kept["by_program"],
        traces=tuple(kept["traces"]),
        hits=tuple(
            NetworkMatch(ProxyKind(kind), source, _moment(dated))
            for kind, source, dated in kept["hits"]
            if kind in _KINDS
        ),
        sources=tuple(kept["sources"]),
        oldest=_moment(kept["oldest"]),
        gaps=tuple(kept["gaps"]),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
