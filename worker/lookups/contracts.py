"""Asks the operator's billing system for an account's committed spend.

The request: `GET BILLING_URL?account_id=acc_...` with `X-Usher-Timestamp` (seconds since 1970) and `X-Usher-Signature`,
the hex HMAC-SHA-256 under BILLING_KEY of "timestamp.account id". The answer: 200 and `{"contract": null}`, or
`{"contract": {"amount": "1000.00", "currency": "USD", "starts_on": "2026-01-01", "ends_on": "2026-12-31"}}`.
"""

import hashlib
import hmac
import json
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote

from shared import http_client
from shared.observability import log

logger = log.get(__name__)

TIMEOUT_SECONDS = 3.0
LARGEST = 64 * 1024
MAX_CONCURRENT = 8

NO_ANSWER = "no answer"
BillingReply = dict[str, str] | None | str
"""The contract's terms, None if there is no contract, or `NO_ANSWER`."""


class Billing:
    """Client of the billing system that requests several accounts at once."""

    def __init__(self, url: str | None, key: str | None) -> None:
        self._url, self._key = url or "", key or ""
        self._pool: ThreadPoolExecutor | None = None

    def fetch(self, account_id: str) -> Future[BillingReply]:
        """Request the commitment of an account. The future completes within the timeout and never raises."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(MAX_CONCURRENT, thread_name_prefix="billing")
        return self._pool.submit(self._fetch_now, account_id)

    def close(self) -> None:
        """Stop sending requests."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _fetch_now(self, account_id: str) -> BillingReply:
        try:
            answer = self._get(account_id)
            if answer.status != 200:
                raise ValueError(f"the answer's status is {answer.status}")
            return read_answer(answer.body)
        except (*http_client.FAILURES, ValueError) as error:
            logger.warning("the billing system did not answer", account=account_id, why=str(error))
            return NO_ANSWER

    def _get(self, account_id: str) -> http_client.Answer:
        stamp = str(int(time.time()))
        joint = "&" if "?" in self._url else "?"
        return http_client.get(
            f"{self._url}{joint}account_id={quote(account_id)}",
            headers={"X-Usher-Timestamp": stamp, "X-Usher-Signature": signature(self._key, stamp, account_id)},
            seconds=TIMEOUT_SECONDS,
            largest=LARGEST,
        )


def signature(key: str, stamp: str, account_id: str) -> str:
    """The request signature: hex HMAC-SHA-256 of "timestamp.account id"."""
    return hmac.new(key.encode(), f"{stamp}.{account_id}".encode(), hashlib.sha256).hexdigest()


def read_answer(body: bytes) -> dict[str, str] | None:
    """Parse an answer into the contract's terms, or None for no contract. Raises `ValueError` if it is neither."""
    document = json.loads(body)
    if not isinstance(document, dict) or "contract" not in document:
        raise ValueError("the answer has no `contract`")
    contract: Any = document["contract"]
    if contract is None:
        return None
    try:
        amount = Decimal(contract["amount"])
        days = date.fromisoformat(contract["starts_on"]), date.fromisoformat(contract["ends_on"])
        currency = str(contract["currency"]).upper()
    except (TypeError, KeyError, InvalidOperation) as error:
        raise ValueError(f"the contract can't be read ({type(error).__name__})") from None
    if not amount.is_finite() or amount < 0:
        raise ValueError("the contract's amount is invalid")
    first, last = (day.isoformat() for day in days)
    return {"amount": str(amount), "currency": currency, "starts_on": first, "ends_on": last}
