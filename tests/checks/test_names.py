"""Names of people reach an email unchanged. Links disguised as names never do."""

import email
import re
from datetime import UTC, datetime
from email import policy
from itertools import product

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.models import JobKind
from shared.templating import harmless, name
from tests.checks.names import NAMES
from web.schemas.base import Name
from worker.mail.message import Content, Sender, build
from worker.mail.rendering import _all_parts

NAME = TypeAdapter(Name)
SENDER = Sender.of("Usher <usher@corp.example>")

HOSTS = (
    *("evil.com", "evil-login.example.org", "bit.ly/3xAb", "t.me/prize", "pay.evil.co.uk", "EVIL.COM", "evil。com"),
    *("evil．com", "evil｡com", "evil․com", "evil﹒com", "evil\u0301.com", "evil\u0338.com", "evil❤.com"),
    *("evil❤️.com", "win💰.top", "a👩‍💻.dev", "évil.com", "еvіl.com", "аррӏе.com", "xn--80ak6aa92e.com", "bücher.de"),
    *("例え.テスト", "evil.\u0301com", "www.evil.com", "evil.com:8080", "evil.com?x=1", "evil.com#a"),
)
DRESSES = (
    *("{}", "http://{}", "https://{} ", "HTTPS://{}", "Your invoice {} is due", "Click {}!", "<a href={}>x</a>"),
    *("[prize]({})", "bob@{}", "//{}/login", "ftp：／／{}"),
)
PAYLOADS = [dress.format(host) for dress, host in product(DRESSES, HOSTS)] + [
    *("=?utf-8?q?evil=2Ecom?=", "=?UTF-8?B?aHR0cDovL2V2aWwuY29t?=", "A =?us-ascii?q?x=40evil=2Ecom?= B"),
    *("Call +1 (888) 555-0123 now", "ev\u200bil.com", "evil\u2060.com", "\u202emoc.live", "evil\u00ad.com"),
    *("evil.com\r\nBcc: x@evil.com", "evil\t.com", "evil\u2028.com", "evil\u115f.com", "evil\u3164.com"),
]

# Text that email clients turn into a link: a scheme, a mailbox, or dotted labels that end in a word.
LINK = re.compile(
    r"\w+[:：][/／]{2}\S|\S[@＠]\S|[^\s.。．｡․﹒][.。．｡․﹒][\u0300-\u036f\ufe0f]*[^\W\d_]{2}", re.IGNORECASE
)


def mailed(text: str) -> tuple[str, str]:
    """The subject and the text of an invitation from a person with this name, as an email client decodes them."""
    words = {"account": text, "inviter": text, "inviter_email": "x", "role": "developer", "rights": ["x"]}
    words |= {"message": text, "expires_at": datetime(2026, 1, 1, tzinfo=UTC), "link": "x", "public_url": "x"}
    parts = _all_parts()[JobKind.INVITATION_MAIL]
    content = Content(*(each.render(words) for each in (parts.subject, parts.text, parts.html)))
    raw = build(SENDER, recipient="b@corp.example", content=content, message_id="1", date=words["expires_at"])
    mail = email.message_from_bytes(raw, policy=policy.default)
    return str(mail["Subject"]), mail.get_body(("plain",)).get_content()


def accepted(text: str) -> str | None:
    try:
        return NAME.validate_python(text)
    except ValidationError:
        return None


def test_there_are_two_hundred_of_each():
    assert sum(map(len, NAMES.values())) >= 200
    assert len(NAMES) >= 12
    assert len(PAYLOADS) >= 200


@pytest.mark.parametrize("script", NAMES)
def test_people_and_companies_are_called_by_their_names(script: str):
    for each in NAMES[script]:
        assert accepted(each) is not None, each
        if "." not in each:
            assert name(accepted(each)) == accepted(each), each


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_link_that_is_dressed_up_as_a_name_reaches_an_email(payload: str):
    assert not LINK.search(harmless(payload).replace("\n", " ")), harmless(payload)
    if accepted(payload) is None:
        return
    subject, text = mailed(payload)
    assert not LINK.search(subject), subject
    assert not LINK.search(text.replace("\n", " ")), text


def test_an_encoded_word_in_a_name_is_shown_and_not_decoded():
    subject, _ = mailed("=?utf-8?q?Your_bank?=")
    assert subject.startswith("=?utf-8?q?Your_bank?=")


@pytest.mark.parametrize("sign", "\u202e\u2066\u200b\u200d\u200c\u2060\ufeff\u00ad\u3164\u2800\u115f\U000e0041")
def test_what_no_one_can_see_is_refused(sign: str):
    assert accepted(f"An{sign}na") is None
