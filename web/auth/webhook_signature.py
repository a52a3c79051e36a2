"""Signed requests of machines, as Standard Webhooks specifies (standardwebhooks.com).

A key that begins with `whsec_` is base64. Any other key is used as it is.
"""

import base64

from flask import request
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from shared.errors import Unauthenticated


def require(key: str) -> None:
    """Raise `Unauthenticated` unless the request was signed with this key within the last 5 minutes."""
    try:
        Webhook(_bytes(key)).verify(request.get_data(), dict(request.headers), json_parse=False)
    except (WebhookVerificationError, ValueError):
        # The library raises ValueError for malformed base64 and for bytes that aren't UTF-8.
        raise Unauthenticated(
            "The signature is missing, wrong or too old. Nothing was recorded.",
            remedy="Sign the request as Standard Webhooks says, with MAIL_EVENTS_KEY and a clock that is right.",
        ) from None


def _bytes(key: str) -> bytes:
    return base64.b64decode(key.removeprefix("whsec_")) if key.startswith("whsec_") else key.encode()
