"""What a check answers: a verdict, the reasons for it, and which data it judged by."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from shared.errors import Reason


class Verdict(StrEnum):
    """Allow, deny, hold for a person to decide, or unknown for want of facts."""

    ALLOW = "allow"
    DENY = "deny"
    HOLD = "hold"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """One check's answer; `data` names the source that was judged by and its age."""

    check: str
    verdict: Verdict
    reasons: tuple[Reason, ...] = ()
    data: dict[str, Any] = field(default_factory=dict)

    def as_json(self, checked_at: str) -> dict[str, Any]:
        """The check as rows and the API keep it; the moment is in RFC 3339."""
        return {
            "check": self.check,
            "verdict": self.verdict,
            "reasons": [reason.as_json() for reason in self.reasons],
            "data": self.data,
            "checked_at": checked_at,
        }


def denied_by(check: str, reasons: Iterable[Reason], **data: Any) -> Check:
    """The check denies for these reasons, or allows where there are none."""
    found = tuple(reasons)
    return Check(check, Verdict.DENY if found else Verdict.ALLOW, found, data)


def overall(checks: Iterable[Check], *, unknown: Verdict = Verdict.ALLOW) -> Verdict:
    """What all checks together come to: any denial denies, else any hold holds; what is unknown counts as `unknown`."""
    verdicts = {unknown if check.verdict is Verdict.UNKNOWN else check.verdict for check in checks}
    for verdict in (Verdict.DENY, Verdict.HOLD):
        if verdict in verdicts:
            return verdict
    return Verdict.ALLOW


def reasons_of(checks: Iterable[Check], *verdicts: Verdict) -> list[Reason]:
    """The reasons of the checks that came to one of these verdicts, in their order; without verdicts, all reasons."""
    return [reason for check in checks if not verdicts or check.verdict in verdicts for reason in check.reasons]
