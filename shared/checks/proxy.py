"""Check whether the inviter uses a proxy, by the network and the headers of the request.

People behind a privacy relay or a company gateway call from data centers too, and some lists mark those networks as
VPNs. A match as a relay or gateway therefore overrides a match as a VPN or data center. Nothing overrides a Tor exit or
an open proxy.
"""

from collections.abc import Iterable
from datetime import datetime

from shared.checks.ip_ranges import NetworkMatch, Origin
from shared.checks.overrides import Override, of_network
from shared.checks.verdict import Check, Verdict
from shared.errors import Reason, Who
from shared.policy import Effect, ProxyAction, ProxyKind, ProxyPolicy

_EXCUSES = frozenset({ProxyKind.RELAY, ProxyKind.ENTERPRISE})
_EXCUSED = frozenset({ProxyKind.VPN, ProxyKind.DATACENTER})
_VERDICTS = {ProxyAction.BLOCK: Verdict.DENY, ProxyAction.HOLD: Verdict.HOLD, ProxyAction.WARN: Verdict.ALLOW}
_CODES = {
    ProxyKind.TOR: "proxy_tor",
    ProxyKind.PROXY: "proxy_listed",
    ProxyKind.VPN: "proxy_vpn",
    ProxyKind.HEADER: "proxy_header",
    ProxyKind.DATACENTER: "proxy_datacenter",
    ProxyKind.RELAY: "proxy_relay",
    ProxyKind.ENTERPRISE: "proxy_enterprise",
}
_WORDS = {
    ProxyKind.TOR: "a Tor exit",
    ProxyKind.PROXY: "an open proxy",
    ProxyKind.VPN: "a VPN",
    ProxyKind.DATACENTER: "a data centre",
    ProxyKind.RELAY: "a privacy relay",
    ProxyKind.ENTERPRISE: "a company's gateway",
}
_WHAT_COMES = {
    ProxyAction.BLOCK: "Nothing was sent.",
    ProxyAction.HOLD: "Nothing was sent yet: somebody looks at it first.",
    ProxyAction.WARN: "It was let through.",
}


def check_proxy(origin: Origin, overrides: Iterable[Override], policy: ProxyPolicy, now: datetime) -> Check:
    """Check the origin of a request. With a missing or outdated list the result is unknown, never clean."""
    if origin.address is None and not (origin.gaps or origin.traces):
        return Check("proxy", Verdict.ALLOW, data={"source": "no request", "age": 0})
    data = {"source": ", ".join(origin.sources) or "request headers", "age": _age(origin.oldest, now)}
    override = of_network(overrides, origin.address) if origin.address is not None else None
    if override is not None and override.effect is Effect.ALLOW:
        return Check("proxy", Verdict.ALLOW, data=data | {"exception": override.id})
    if override is not None:
        return Check("proxy", Verdict.DENY, (_blocked_network(),), data | {"exception": override.id})
    found = _strongest(origin, policy)
    if found is not None:
        return _found(found, origin, policy, now)
    if origin.gaps:
        return Check("proxy", Verdict.UNKNOWN, (_unknown(origin.gaps),), data)
    return Check("proxy", Verdict.ALLOW, data=data)


def _strongest(origin: Origin, policy: ProxyPolicy) -> NetworkMatch | None:
    """The most serious evidence for a proxy, by the policy's action and then by the order of the kinds."""
    kinds = {hit.kind for hit in origin.hits}
    excused = _EXCUSED if kinds & _EXCUSES else frozenset()
    hits = [hit for hit in origin.hits if hit.kind not in excused]
    if origin.traces:
        hits.append(NetworkMatch(ProxyKind.HEADER, ", ".join(origin.traces), None))
    hits = [hit for hit in hits if policy[hit.kind] is not ProxyAction.OFF]
    actions, order = list(ProxyAction), list(ProxyKind)
    return min(hits, key=lambda hit: (actions.index(policy[hit.kind]), order.index(hit.kind)), default=None)


def _found(hit: NetworkMatch, origin: Origin, policy: ProxyPolicy, now: datetime) -> Check:
    action = policy[hit.kind]
    reason = (
        _named_itself(hit, action) if hit.kind is ProxyKind.HEADER else _known_network(hit, action, origin.by_program)
    )
    data = {"source": hit.source, "age": _age(hit.dated, now), "kind": hit.kind, "list": hit.source, "rule": action}
    return Check("proxy", _VERDICTS[action], (reason,), data)


def _known_network(hit: NetworkMatch, action: ProxyAction, by_program: bool) -> Reason:
    dated = f" of {hit.dated:%Y-%m-%d %H:%M}" if hit.dated else ""
    caller = "program" if by_program else "request"
    return Reason(
        _CODES[hit.kind],
        f"The {caller} came from a network address that is listed as {_WORDS[hit.kind]} "
        f"(the list {hit.source}{dated}). " + _WHAT_COMES[action],
        _remedy(action, "Invite again from your company's own network, without a VPN or proxy"),
        Who.OPERATOR if action is ProxyAction.HOLD else Who.INVITER,
    )


def _named_itself(hit: NetworkMatch, action: ProxyAction) -> Reason:
    return Reason(
        _CODES[ProxyKind.HEADER],
        f"The request came through a proxy that names itself in it ({hit.source}). " + _WHAT_COMES[action],
        _remedy(action, "Invite again without the proxy"),
        Who.OPERATOR if action is ProxyAction.HOLD else Who.INVITER,
    )


def _remedy(action: ProxyAction, otherwise: str) -> str:
    if action is ProxyAction.HOLD:
        return f"Wait for the operator to release it, or revoke it. {otherwise}."
    if action is ProxyAction.WARN:
        return "There is nothing to do."
    return f"{otherwise}; if that is where you are, ask the operator for an exception."


def _blocked_network() -> Reason:
    return Reason(
        "proxy_listed",
        "The request came from a network that this installation takes no invitations from. Nothing was sent.",
        "Invite again from another network, or ask the operator about it.",
        Who.OPERATOR,
    )


def _unknown(gaps: tuple[str, ...]) -> Reason:
    return Reason(
        "proxy_not_checked",
        "Whether the request came through a proxy could not be checked: " + "; ".join(gaps) + ".",
        "The operator finds out more with: usher doctor.",
        Who.OPERATOR,
    )


def _age(dated: datetime | None, now: datetime) -> int:
    return max(0, int((now - dated).total_seconds())) if dated else 0
