"""Requests that a machine signs instead of showing a key, as Standard Webhooks has it (standardwebhooks.com).

`webhook-id`, `webhook-timestamp` (seconds since 1970) and `webhook-signature`: words of "v1," and the base64
HMAC-SHA-256 of "id.timestamp.body". A key that begins with `whsec_` is the base64 of the key's bytes.
"""

import base64
import hashlib
import hmac
import time

from flask import request

from shared.errors import Unauthenticated

TOLERANCE = 300
"""How many seconds the sender's clock may differ from ours; what is sent again later is refused."""


def require(key: str) -> None:
    """Raise `Unauthenticated` unless the request was signed with this key within the last minutes."""
    stamp = request.headers.get("webhook-timestamp", "")
    signed = b".".join([request.headers.get("webhook-id", "").encode(), stamp.encode(), request.get_data()])
    right = base64.b64encode(hmac.digest(_bytes(key), signed, hashlib.sha256))
    shown = [word[3:].encode() for word in request.headers.get("webhook-signature", "").split() if word[:3] == "v1,"]
    if not any(hmac.compare_digest(right, each) for each in shown) or not _is_recent(stamp):
        raise Unauthenticated(
            "The signature is missing, wrong or too old. Nothing was recorded.",
            remedy="Sign the request as Standard Webhooks says, with MAIL_EVENTS_KEY and a clock that is right.",
        )


def _is_recent(stamp: str) -> bool:
    return stamp.isascii() and stamp.isdigit() and len(stamp) < 12 and abs(time.time() - int(stamp)) <= TOLERANCE


def _bytes(key: str) -> bytes:
    return base64.b64decode(key.removeprefix("whsec_")) if key.startswith("whsec_") else key.encode()
