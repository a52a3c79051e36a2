"""The remaining quota of a caller, in the fields of draft-ietf-httpapi-ratelimit-headers."""

from collections.abc import Iterable, Sequence

from shared.errors import LimitReached, Quota


def headers(quotas: Sequence[Quota]) -> dict[str, str]:
    """Return the headers `RateLimit` and `RateLimit-Policy`; none if no limit applies."""
    if not quotas:
        return {}
    return {"RateLimit-Policy": ", ".join(map(_policy, quotas)), "RateLimit": ", ".join(map(_left, quotas))}


def headers_of_limit(error: LimitReached) -> dict[str, str]:
    """`RateLimit` and `RateLimit-Policy` of the limit that was reached, with `Retry-After` in seconds."""
    return {"Retry-After": str(error.retry_after), **headers(error.quotas)}


def headers_of_results(results: Iterable[object]) -> dict[str, str]:
    """Headers for many results: what is left after those that fit, else the first limit that refused one."""
    refusal: LimitReached | None = None
    for each in results:
        if isinstance(each, LimitReached):
            refusal = refusal or each
        elif quotas := getattr(each, "quotas", ()):
            return headers(quotas)
    return headers_of_limit(refusal) if refusal else {}


def _policy(quota: Quota) -> str:
    window = f";w={quota.window}" if quota.window is not None else ""
    return f'"{quota.name}";q={quota.limit}{window}'


def _left(quota: Quota) -> str:
    return f'"{quota.name}";r={quota.left};t={quota.resets_in}'
