"""Times, always aware and always in UTC. The database's clock decides about leases and deadlines, never this one."""

from datetime import UTC, datetime


def now() -> datetime:
    """The current time by this machine's clock, in UTC."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """Format a time as RFC 3339 in UTC, to the microsecond: `2026-11-24T10:00:00.000000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
