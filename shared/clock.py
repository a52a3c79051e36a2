"""Times: always aware, always UTC. Leases and deadlines are judged by the database's clock, never by this one."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present moment by this machine's clock, in UTC."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """The moment as RFC 3339 in UTC, to the microsecond: `2026-11-24T10:00:00.000000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
