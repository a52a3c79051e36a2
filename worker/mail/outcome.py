"""What follows from a mail server's answer: delivered, try again, or give up. Pure: values in, a decision out.

An enhanced code (RFC 3463) wins over the basic one. Trouble with the server itself costs a mail no attempt and lets
all mails rest; a domain that is pressed too hard lets its own rest; other trouble concerns one mail only. Times are
spans, never moments: the database's clock says how old a job is and how long its invitation has left.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, StrEnum, auto

from shared.models import Delivery

GIVE_UP_AFTER = timedelta(hours=48)
"""A mail that couldn't be handed over for this long is given up; its invitation's end comes first if it is sooner."""

DELAYS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 10, 30, 60))
"""How long a mail waits after its first, second, … try; the last repeats. Greylisting wants minutes, not seconds."""

SLOW = timedelta(seconds=5)
"""A mail that takes longer than this to be handed over keeps a process from the mails to others."""

MAX_UNANSWERED = 4
"""After this many tries a handed-over mail without an answer is left alone: each further try may be one more copy."""


class Stage(StrEnum):
    """How far the conversation had come; from VERDICT on, the mail may have been taken."""

    CONNECT = "connecting"
    TLS = "securing the connection"
    HELLO = "greeting"
    LOGIN = "signing in"
    SENDER = "naming the sender"
    RECIPIENT = "naming the recipient"
    CONTENT = "handing over the mail"
    VERDICT = "waiting for the answer"


BEFORE_MAIL = frozenset({Stage.CONNECT, Stage.TLS, Stage.HELLO, Stage.LOGIN})
"""The stages at which no particular mail can be to blame."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back at a stage; `code` is None when the connection broke or timed out instead of a reply."""

    stage: Stage
    code: int | None
    text: str

    @property
    def enhanced(self) -> str:
        """The enhanced status code that the text begins with, or nothing."""
        found = re.match(r"[245]\.\d{1,3}\.\d{1,3}\b", self.text)
        return found[0] if found else ""

    def __str__(self) -> str:
        return f"{self.code} {self.text}".strip() if self.code else self.text


@dataclass(frozen=True, slots=True)
class Delivered:
    """The server has taken the mail; `reply` is its answer."""

    reply: str


class Rest(Enum):
    """Which mails are left alone for a while after a trouble, beside the one that met it."""

    NONE = auto()
    DOMAIN = auto()
    ALL = auto()


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Try again after a while; `counts` is False where the mail is not to blame. Others rest for `rest_for`."""

    after: timedelta
    why: str
    counts: bool
    rest: Rest = Rest.NONE
    rest_for: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Nothing more is tried by itself; `delivery` is what the invitation shows, `why` says what to do."""

    delivery: Delivery
    why: str


SendOutcome = Delivered | TryAgain | GiveUp


class FailureClass(Enum):
    """The classes of trouble, each with its own remedy."""

    SERVER = auto()  # away, overloaded or unfit: all mails wait, none is blamed
    SETUP = auto()  # it refuses us, not the mail: the operator must mend something
    THROTTLED = auto()  # the destination takes no more for now: its mails wait
    LATER = auto()  # this mail is not taken now
    UNANSWERED = auto()  # the mail was handed over and the answer was lost
    FULL = auto()  # the mailbox is full, or the mail too large for it
    ADDRESS = auto()  # nobody is there
    POLICY = auto()  # the mail, not the address, is unwanted
    REFUSED = auto()  # permanent, and not said why


_SENTENCES = {
    FailureClass.SERVER: "The mail server is in trouble while {stage}: {said}. The mail waits for it.",
    FailureClass.SETUP: "The mail server refuses this service while {stage}: {said}. The mail waits; an operator must "
    "mend SMTP_URL or MAIL_FROM.",
    FailureClass.THROTTLED: "The destination takes no more mail for now: {said}. Mails to this domain wait a while.",
    FailureClass.LATER: "The mail server doesn't take this mail now: {said}. It is tried again.",
    FailureClass.UNANSWERED: "The connection broke after the mail was handed over: {said}. It may have arrived; it is "
    "tried again with the same Message-ID.",
    FailureClass.FULL: "The mailbox is full or the mail too large for it: {said}. Ask the person to make room, then "
    "resend.",
    FailureClass.ADDRESS: "The mail server says that nobody has this address: {said}. Check its spelling and invite "
    "the "
    "right one.",
    FailureClass.POLICY: "The receiving side refuses our mail as a matter of policy: {said}. An operator should "
    "check the "
    "SPF, DKIM and DMARC records of the sender's domain, then resend.",
    FailureClass.REFUSED: "The mail server refuses this mail for good: {said}. Resend once the cause is mended.",
}

# Before a recipient was named the connection can't have broken because of this mail.
_BROKEN_AT = {Stage.SENDER: FailureClass.SERVER, Stage.VERDICT: FailureClass.UNANSWERED}

_RESTS = {FailureClass.SERVER: Rest.ALL, FailureClass.SETUP: Rest.ALL, FailureClass.THROTTLED: Rest.DOMAIN}

# After a rest of all mails the server is asked again with the first that is due: it may be well long before their turn.
_LONGEST_REST = {Rest.NONE: timedelta(0), Rest.DOMAIN: timedelta(minutes=30), Rest.ALL: timedelta(seconds=30)}

_NO_ADDRESS = re.compile(r"5\.(1\.(1|2|3|6|10)|2\.1|4\.4)")
_FULL = re.compile(r"5\.2\.[23]|5\.3\.4")
_TOO_MUCH = re.compile(r"\brate\b|too (many|much|fast)|throttl|limit|unusual|slow down", re.IGNORECASE)
_SIGN_IN = re.compile(r"[45]\.7\.(8|9|11)")
_POLICY_WORDS = re.compile(r"relay|spam|block|polic", re.IGNORECASE)


def decide(answer: Answer, *, attempts: int, age: timedelta, left: timedelta | None, chance: float) -> SendOutcome:
    """What to do after this answer.

    `attempts` counts this try, `age` is the time since the first one, `left` the time until the invitation ends (None
    for mails without an end), `chance` a random fraction that spreads the tries of many mails.
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
    """How long the mails of a domain rest after one that took so long; None where it was quick enough.

    So the slow get a fifth of one process at the most, and the others the rest.
    """
    return min(took * 4, _LONGEST_REST[Rest.DOMAIN]) if took > SLOW else None


def classify(answer: Answer) -> FailureClass:
    """Which class of trouble an answer other than success stands for."""
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
    """Old servers say only 550; at RCPT that means the address, unless the words sound like a policy."""
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
    """By the number of tries for a mail; by the length of the trouble, 5 s to 5 min, for a server."""
    if error in {FailureClass.SERVER, FailureClass.SETUP}:
        return min(max(age / 4, timedelta(seconds=5)), timedelta(minutes=5))
    return DELAYS[min(max(attempts, 1), len(DELAYS)) - 1]
