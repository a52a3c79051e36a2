"""Decides what follows from the mail server's answer: delivered, try again, or give up. Pure: values in, decision out.

An enhanced code (RFC 3463) takes precedence over the basic one. A failure of the server itself doesn't count as an
attempt and pauses all emails. A domain that limits the rate pauses only its own emails. Other failures concern one
email. Times are durations, never moments: the database's clock gives the age of a job and the time its invitation has
left.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, StrEnum, auto

from shared.models import Delivery

GIVE_UP_AFTER = timedelta(hours=48)
"""Time after which an undeliverable email is given up, unless its invitation expires earlier."""

DELAYS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 10, 30, 60))
"""Delays after the first, second, ... attempt. The last one repeats. Greylisting needs minutes, not seconds."""

SLOW = timedelta(seconds=5)
"""An email that takes longer than this blocks a process for the emails to other domains."""

MAX_UNANSWERED = 4
"""Maximum attempts for an email without a final answer. Each attempt may deliver a duplicate."""


class Stage(StrEnum):
    """Stages of an SMTP conversation. From VERDICT on, the server may have accepted the email."""

    CONNECT = "connecting"
    TLS = "starting TLS"
    HELLO = "greeting"
    LOGIN = "signing in"
    SENDER = "naming the sender"
    RECIPIENT = "naming the recipient"
    CONTENT = "transmitting the email"
    VERDICT = "waiting for the answer"


BEFORE_MAIL = frozenset({Stage.CONNECT, Stage.TLS, Stage.HELLO, Stage.LOGIN})
"""Stages at which no particular email can be the cause."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The server's answer at a stage. `code` is None if the connection broke or timed out."""

    stage: Stage
    code: int | None
    text: str

    @property
    def enhanced(self) -> str:
        """The enhanced status code at the start of the text, or an empty string."""
        found = re.match(r"[245]\.\d{1,3}\.\d{1,3}\b", self.text)
        return found[0] if found else ""

    def __str__(self) -> str:
        return f"{self.code} {self.text}".strip() if self.code else self.text


@dataclass(frozen=True, slots=True)
class Delivered:
    """The server accepted the email. `reply` is its answer."""

    reply: str


class Rest(Enum):
    """The scope of a pause after a failure, in addition to the email that met it."""

    NONE = auto()
    DOMAIN = auto()
    ALL = auto()


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Try again after a delay. `counts` is False if the email is not the cause. Others pause for `rest_for`."""

    after: timedelta
    why: str
    counts: bool
    rest: Rest = Rest.NONE
    rest_for: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Stop trying. `delivery` is the status on the invitation, and `why` says what to do."""

    delivery: Delivery
    why: str


SendOutcome = Delivered | TryAgain | GiveUp


class FailureClass(Enum):
    """Classes of failures, each with its own remedy."""

    SERVER = auto()  # unreachable, overloaded or unusable: all emails wait and none is blamed
    SETUP = auto()  # refuses this service, not the email: the operator must fix a setting
    THROTTLED = auto()  # the destination accepts no more for now: its emails wait
    LATER = auto()  # this email is not accepted now
    UNANSWERED = auto()  # the email was transmitted and the answer was lost
    FULL = auto()  # the mailbox is full, or the email is too large for it
    ADDRESS = auto()  # the address doesn't exist
    POLICY = auto()  # the email is refused, not the address
    REFUSED = auto()  # permanent, without a stated cause


_SENTENCES = {
    FailureClass.SERVER: "The mail server failed while {stage}: {said}. The email waits until it works again.",
    FailureClass.SETUP: "The mail server refuses this service while {stage}: {said}. The email waits. An operator must "
    "fix SMTP_URL or MAIL_FROM.",
    FailureClass.THROTTLED: "The destination accepts no more email for now: {said}. Emails to this domain are paused.",
    FailureClass.LATER: "The mail server doesn't accept this email now: {said}. Usher tries again.",
    FailureClass.UNANSWERED: "The connection broke after the email was transmitted: {said}. It may have arrived. Usher "
    "tries again with the same Message-ID.",
    FailureClass.FULL: "The mailbox is full, or the email is too large for it: {said}. Ask the person to free up "
    "space, then resend.",
    FailureClass.ADDRESS: "The mail server says that this address doesn't exist: {said}. Check the spelling and invite "
    "the right one.",
    FailureClass.POLICY: "The recipient's server refuses our email because of its policy: {said}. An operator should "
    "check the SPF, DKIM and DMARC records of the sender's domain, then resend.",
    FailureClass.REFUSED: "The mail server refuses this email permanently: {said}. Resend once the cause is fixed.",
}

# Until it has named a recipient, a broken connection can't be caused by this email.
_BROKEN_AT = {Stage.SENDER: FailureClass.SERVER, Stage.VERDICT: FailureClass.UNANSWERED}

_RESTS = {FailureClass.SERVER: Rest.ALL, FailureClass.SETUP: Rest.ALL, FailureClass.THROTTLED: Rest.DOMAIN}

# After a pause of all emails, the first due email tests the server, which may have recovered long before.
_LONGEST_REST = {Rest.NONE: timedelta(0), Rest.DOMAIN: timedelta(minutes=30), Rest.ALL: timedelta(seconds=30)}

_NO_ADDRESS = re.compile(r"5\.(1\.(1|2|3|6|10)|2\.1|4\.4)")
_FULL = re.compile(r"5\.2\.[23]|5\.3\.4")
_TOO_MUCH = re.compile(r"\brate\b|too (many|much|fast)|throttl|limit|unusual|slow down", re.IGNORECASE)
_SIGN_IN = re.compile(r"[45]\.7\.(8|9|11)")
_POLICY_WORDS = re.compile(r"relay|spam|block|polic", re.IGNORECASE)


def decide(answer: Answer, *, attempts: int, age: timedelta, left: timedelta | None, chance: float) -> SendOutcome:
    """Decide what to do after this answer.

    `attempts` includes this one. `age` is the time since the first attempt. `left` is the time until the invitation
    expires, or None for emails that don't expire. `chance` is a random fraction from 0 to 1 that spreads the retries of
    many emails.
    """
    if answer.stage is Stage.VERDICT and answer.code is not None and answer.code // 100 == 2:
        return Delivered(str(answer))
    error = classify(answer)
    why = _SENTENCES[error].format(stage=answer.stage, said=str(answer).rstrip("."))
    if _is_final(error, attempts):
        return GiveUp(Delivery.BOUNCED if error is FailureClass.ADDRESS else Delivery.FAILED, why)
    delay = _delay(error, attempts, age) * (0.8 + 0.4 * chance)
    rest = _RESTS.get(error, Rest.NONE)
    too_late = age + delay > GIVE_UP_AFTER or (left is not None and delay >= left)
    if too_late and rest is not Rest.ALL:
        return GiveUp(Delivery.FAILED, f"{why} No time is left for another try.")
    return TryAgain(delay, why, counts=rest is not Rest.ALL, rest=rest, rest_for=min(delay, _LONGEST_REST[rest]))


def after_slow(took: timedelta) -> timedelta | None:
    """The pause for a domain's emails after one that took this long, or None if it was fast enough.

    A slow domain so gets at most a fifth of one process.
    """
    return min(took * 4, _LONGEST_REST[Rest.DOMAIN]) if took > SLOW else None


def classify(answer: Answer) -> FailureClass:
    """The failure class of an answer other than success."""
    if answer.stage in BEFORE_MAIL:
        refused = answer.stage is Stage.LOGIN and answer.code is not None and answer.code >= 500
        return FailureClass.SETUP if refused else FailureClass.SERVER
    if answer.code is None:
        return _BROKEN_AT.get(answer.stage, FailureClass.LATER)
    if answer.code in {530, 534, 535, 538} or _SIGN_IN.match(answer.enhanced):
        return FailureClass.SETUP
    permanent = answer.enhanced[:1] == "5" if answer.enhanced else answer.code >= 500
    return _permanent(answer) if permanent else _temporary(answer)


def _temporary(answer: Answer) -> FailureClass:
    if answer.stage is Stage.SENDER:
        return FailureClass.SERVER if answer.enhanced == "4.3.2" or answer.code == 421 else FailureClass.LATER
    if answer.enhanced == "4.3.2" or (_TOO_MUCH.search(answer.text) and answer.enhanced[:4] in {"", "4.7."}):
        return FailureClass.THROTTLED
    return FailureClass.LATER


def _permanent(answer: Answer) -> FailureClass:
    enhanced = answer.enhanced
    if _NO_ADDRESS.fullmatch(enhanced) and answer.stage is not Stage.SENDER:
        return FailureClass.ADDRESS
    if _FULL.fullmatch(enhanced) or (answer.code == 552 and not enhanced):
        return FailureClass.FULL
    if answer.stage is Stage.SENDER and not enhanced.startswith("5.6."):
        return FailureClass.SETUP
    if enhanced.startswith("5.7."):
        return FailureClass.POLICY
    return FailureClass.REFUSED if enhanced else _without_enhanced_code(answer)


def _without_enhanced_code(answer: Answer) -> FailureClass:
    """Old servers only say 550. At RCPT that means a bad address, unless the text suggests a policy."""
    if _POLICY_WORDS.search(answer.text):
        return FailureClass.POLICY
    about_address = answer.stage is Stage.RECIPIENT and answer.code in {550, 551, 553, 556}
    return FailureClass.ADDRESS if about_address else FailureClass.REFUSED


def _is_final(error: FailureClass, attempts: int) -> bool:
    if error is FailureClass.FULL:
        return attempts >= 2
    if error is FailureClass.UNANSWERED:
        return attempts >= MAX_UNANSWERED
    return error in {FailureClass.ADDRESS, FailureClass.POLICY, FailureClass.REFUSED}


def _delay(error: FailureClass, attempts: int, age: timedelta) -> timedelta:
    """The delay by number of attempts for an email, or by the length of the failure, 5 s to 5 min, for a server."""
    if error in {FailureClass.SERVER, FailureClass.SETUP}:
        return min(max(age / 4, timedelta(seconds=5)), timedelta(minutes=5))
    return DELAYS[min(max(attempts, 1), len(DELAYS)) - 1]
