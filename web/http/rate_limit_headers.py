"""The remaining quota of a caller, in the fields of draft-ietf-httpapi-ratelimit-headers."""

from collections.abc import Sequence

from shared.errors import Quota


def headers(quotas: Sequence[Quota]) -> dict[str, str]:
    """Return the headers `RateLimit` and `RateLimit-Policy`; none if no limit applies."""
    if not quotas:
        return {}
    return {"RateLimit-Policy": ", ".join(map(_policy, quotas)), "RateLimit": ", ".join(map(_left, quotas))}


def _policy(quota: Quota) -> str:
    window = f";w={quota.window}" if quota.window is not None else ""
    return f'"{quota.name}";q={quota.limit}{window}'


def _left(quota: Quota) -> str:
    return f'"{quota.name}";r={quota.left};t={quota.resets_in}'
