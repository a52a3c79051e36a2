"""The consequences of an SMTP server's replies: the table, reply by reply."""

from datetime import timedelta

import pytest

from shared.models import Delivery
from worker.mail.outcome import (
    DELAYS,
    GIVE_UP_AFTER,
    MAX_UNANSWERED,
    Answer,
    Delivered,
    FailureClass,
    GiveUp,
    Rest,
    SendOutcome,
    Stage,
    TryAgain,
    after_slow,
    classify,
    decide,
)

WEEK = timedelta(days=7)

TABLE = [
    # The server is unavailable or faulty: all emails wait, and no recipient is blamed.
    (Stage.CONNECT, None, "Connection refused", FailureClass.SERVER),
    (Stage.CONNECT, None, "no answer in time", FailureClass.SERVER),
    (Stage.CONNECT, None, "Name or service not known", FailureClass.SERVER),
    (Stage.CONNECT, 421, "4.3.2 too busy", FailureClass.SERVER),
    (Stage.CONNECT, 450, "come back later", FailureClass.SERVER),
    (Stage.CONNECT, 554, "5.7.1 your address is listed", FailureClass.SERVER),
    (Stage.TLS, None, "certificate verify failed", FailureClass.SERVER),
    (Stage.TLS, None, "STARTTLS extension not supported by server.", FailureClass.SERVER),
    (Stage.HELLO, 501, "5.5.4 invalid domain", FailureClass.SERVER),
    (Stage.LOGIN, None, "Connection unexpectedly closed", FailureClass.SERVER),
    (Stage.LOGIN, 454, "4.7.0 temporary authentication failure", FailureClass.SERVER),
    (Stage.SENDER, None, "Connection unexpectedly closed", FailureClass.SERVER),
    (Stage.SENDER, 421, "4.4.2 idle for too long", FailureClass.SERVER),
    (Stage.SENDER, 451, "4.3.2 not accepting messages", FailureClass.SERVER),
    # It refuses us: an operator must fix the settings.
    (Stage.LOGIN, 535, "5.7.8 authentication credentials invalid", FailureClass.SETUP),
    (Stage.LOGIN, 534, "5.7.9 mechanism too weak", FailureClass.SETUP),
    (Stage.SENDER, 530, "5.7.0 must issue STARTTLS first", FailureClass.SETUP),
    (Stage.SENDER, 550, "5.7.1 sender address not owned by user", FailureClass.SETUP),
    (Stage.SENDER, 553, "5.1.8 sender domain unknown", FailureClass.SETUP),
    (Stage.RECIPIENT, 530, "authentication required", FailureClass.SETUP),
    (Stage.RECIPIENT, 554, "5.7.8 sign in first", FailureClass.SETUP),
    # Its domain accepts no more for now.
    (Stage.RECIPIENT, 450, "4.3.2 system going down", FailureClass.THROTTLED),
    (Stage.RECIPIENT, 451, "4.7.1 rate limit exceeded", FailureClass.THROTTLED),
    (Stage.RECIPIENT, 421, "4.7.0 too many errors for this recipient", FailureClass.THROTTLED),
    (Stage.RECIPIENT, 421, "too many messages from your address", FailureClass.THROTTLED),
    (Stage.VERDICT, 421, "4.7.28 unusual rate of mail", FailureClass.THROTTLED),
    # Not now.
    (Stage.RECIPIENT, 450, "4.7.1 greylisted, try again in 5 minutes", FailureClass.LATER),
    (Stage.RECIPIENT, 451, "", FailureClass.LATER),
    (Stage.RECIPIENT, 452, "4.2.2 mailbox full", FailureClass.LATER),
    (Stage.RECIPIENT, 550, "4.2.1 mailbox temporarily disabled", FailureClass.LATER),
    (Stage.RECIPIENT, None, "Connection unexpectedly closed", FailureClass.LATER),
    (Stage.CONTENT, None, "no answer in time", FailureClass.LATER),
    (Stage.CONTENT, 452, "4.3.1 insufficient storage", FailureClass.LATER),
    (Stage.VERDICT, 451, "4.3.0 queue file write error", FailureClass.LATER),
    # Sent, but no reply.
    (Stage.VERDICT, None, "Connection unexpectedly closed", FailureClass.UNANSWERED),
    (Stage.VERDICT, None, "no answer in time", FailureClass.UNANSWERED),
    # Full.
    (Stage.RECIPIENT, 552, "5.2.2 over quota", FailureClass.FULL),
    (Stage.VERDICT, 552, "5.2.3 message too large", FailureClass.FULL),
    (Stage.RECIPIENT, 552, "quota exceeded", FailureClass.FULL),
    (Stage.SENDER, 552, "5.3.4 message size exceeds limit", FailureClass.FULL),
    # No such mailbox.
    (Stage.RECIPIENT, 550, "5.1.1 user unknown", FailureClass.ADDRESS),
    (Stage.RECIPIENT, 450, "5.1.1 user unknown", FailureClass.ADDRESS),
    (Stage.RECIPIENT, 550, "5.1.2 host unknown", FailureClass.ADDRESS),
    (Stage.RECIPIENT, 553, "5.1.3 bad address syntax", FailureClass.ADDRESS),
    (Stage.RECIPIENT, 551, "5.1.6 mailbox has moved", FailureClass.ADDRESS),
    (Stage.RECIPIENT, 556, "5.1.10 recipient has null MX", FailureClass.ADDRESS),
    (Stage.RECIPIENT, 550, "5.2.1 mailbox disabled", FailureClass.ADDRESS),
    (Stage.VERDICT, 550, "5.1.1 no such user", FailureClass.ADDRESS),
    (Stage.RECIPIENT, 550, "no such user here", FailureClass.ADDRESS),
    (Stage.RECIPIENT, 553, "mailbox name not allowed", FailureClass.ADDRESS),
    # The email is unwanted, not the address wrong.
    (Stage.RECIPIENT, 550, "5.7.1 relaying denied", FailureClass.POLICY),
    (Stage.VERDICT, 550, "5.7.26 unauthenticated mail is not accepted", FailureClass.POLICY),
    (Stage.VERDICT, 550, "5.7.515 access denied, sender requirements", FailureClass.POLICY),
    (Stage.RECIPIENT, 554, "blocked by our spam list", FailureClass.POLICY),
    (Stage.RECIPIENT, 550, "relay not permitted", FailureClass.POLICY),
    # Permanent, without further details.
    (Stage.VERDICT, 554, "transaction failed", FailureClass.REFUSED),
    (Stage.RECIPIENT, 554, "5.0.0 no", FailureClass.REFUSED),
    (Stage.RECIPIENT, 553, "5.6.7 the mail server offers no SMTPUTF8", FailureClass.REFUSED),
    (Stage.SENDER, 555, "5.6.7 SMTPUTF8 is not for this host", FailureClass.REFUSED),
    (Stage.CONTENT, 503, "5.5.1 bad sequence of commands", FailureClass.REFUSED),
]


def outcome_of(
    answer: Answer, *, attempts: int = 1, age: timedelta = timedelta(0), left: timedelta | None = WEEK
) -> SendOutcome:
    return decide(answer, attempts=attempts, age=age, left=left, chance=0.5)


@pytest.mark.parametrize(("stage", "code", "text", "trouble"), TABLE)
def test_each_reply_has_its_class(stage: Stage, code: int | None, text: str, trouble: FailureClass) -> None:
    assert classify(Answer(stage, code, text)) is trouble


@pytest.mark.parametrize("code", [250, 251, 252])
def test_a_yes_after_the_dot_is_delivered_and_its_words_are_kept(code: int) -> None:
    answer = Answer(Stage.VERDICT, code, "2.0.0 queued as 4F1")
    assert outcome_of(answer) == Delivered(f"{code} 2.0.0 queued as 4F1")


def test_a_bad_address_bounces_at_once() -> None:
    outcome = outcome_of(Answer(Stage.RECIPIENT, 550, "5.1.1 user unknown"))
    assert isinstance(outcome, GiveUp)
    assert outcome.delivery is Delivery.BOUNCED
    assert "550 5.1.1 user unknown" in outcome.why


@pytest.mark.parametrize("text", ["5.7.26 not authenticated", "5.0.0 no"])
def test_a_policy_fails_the_email_without_blaming_the_address(text: str) -> None:
    outcome = outcome_of(Answer(Stage.VERDICT, 550, text))
    assert isinstance(outcome, GiveUp)
    assert outcome.delivery is Delivery.FAILED


def test_a_deferred_email_waits_longer_each_time() -> None:
    answer = Answer(Stage.RECIPIENT, 450, "4.7.1 greylisted")
    waits = [outcome_of(answer, attempts=attempts) for attempts in range(1, 8)]
    assert [wait.after for wait in waits if isinstance(wait, TryAgain)] == [*DELAYS, DELAYS[-1], DELAYS[-1]]
    assert all(isinstance(wait, TryAgain) and wait.counts for wait in waits)


def test_chance_spreads_the_next_tries_by_a_fifth_either_way() -> None:
    answer = Answer(Stage.RECIPIENT, 450, "4.7.1 greylisted")
    waits = [decide(answer, attempts=2, age=timedelta(0), left=WEEK, chance=chance) for chance in (0.0, 1.0)]
    assert [wait.after for wait in waits if isinstance(wait, TryAgain)] == [timedelta(minutes=4), timedelta(minutes=6)]


@pytest.mark.parametrize(
    ("age", "wait"),
    [
        (timedelta(0), timedelta(seconds=5)),
        (timedelta(minutes=4), timedelta(minutes=1)),
        (timedelta(hours=5), timedelta(minutes=5)),
    ],
)
def test_a_server_in_trouble_costs_no_attempt_and_is_asked_again_ever_more_seldom(
    age: timedelta, wait: timedelta
) -> None:
    outcome = outcome_of(Answer(Stage.CONNECT, None, "Connection refused"), attempts=1, age=age)
    assert isinstance(outcome, TryAgain)
    assert (outcome.after, outcome.counts) == (wait, False)


def test_a_refused_sign_in_names_the_settings_to_fix_and_fails_no_email() -> None:
    outcome = outcome_of(Answer(Stage.LOGIN, 535, "5.7.8 credentials invalid"))
    assert isinstance(outcome, TryAgain)
    assert not outcome.counts
    assert "SMTP_URL" in outcome.why


def test_a_full_mailbox_gets_one_more_try() -> None:
    answer = Answer(Stage.RECIPIENT, 552, "5.2.2 over quota")
    assert isinstance(outcome_of(answer, attempts=1), TryAgain)
    assert isinstance(outcome_of(answer, attempts=2), GiveUp)


def test_a_lost_answer_is_tried_again_but_not_for_ever() -> None:
    answer = Answer(Stage.VERDICT, None, "Connection unexpectedly closed")
    assert isinstance(outcome_of(answer, attempts=MAX_UNANSWERED - 1), TryAgain)
    assert isinstance(outcome_of(answer, attempts=MAX_UNANSWERED), GiveUp)


@pytest.mark.parametrize("code", [450, None])
def test_nothing_is_tried_beyond_the_end_of_the_invitation(code: int | None) -> None:
    answer = Answer(Stage.RECIPIENT, code, "not now")
    outcome = outcome_of(answer, attempts=5, left=timedelta(minutes=59))
    assert isinstance(outcome, GiveUp)
    assert "No time is left" in outcome.why


def test_no_email_is_tried_for_longer_than_two_days() -> None:
    answer = Answer(Stage.RECIPIENT, 450, "4.7.1 not now")
    assert isinstance(outcome_of(answer, attempts=9, age=GIVE_UP_AFTER, left=None), GiveUp)


@pytest.mark.parametrize("answer", [Answer(Stage.CONNECT, None, "refused"), Answer(Stage.LOGIN, 535, "5.7.8 no")])
def test_a_server_in_trouble_fails_no_email_however_long_it_lasts(answer: Answer) -> None:
    outcome = outcome_of(answer, attempts=9, age=GIVE_UP_AFTER * 2, left=timedelta(seconds=1))
    assert isinstance(outcome, TryAgain)
    assert (outcome.rest, outcome.counts) == (Rest.ALL, False)


def test_a_domain_that_takes_no_more_lets_its_emails_rest_and_no_others() -> None:
    outcome = outcome_of(Answer(Stage.RECIPIENT, 421, "4.7.28 unusual rate of mail"))
    assert isinstance(outcome, TryAgain)
    assert (outcome.rest, outcome.counts) == (Rest.DOMAIN, True)
    assert outcome.rest_for == outcome.after


def test_a_slow_domain_rests_four_times_as_long_as_it_took() -> None:
    assert after_slow(timedelta(seconds=4)) is None
    assert after_slow(timedelta(seconds=30)) == timedelta(minutes=2)
