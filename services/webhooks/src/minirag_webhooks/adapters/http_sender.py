"""Calls endpoints over HTTP, through the client that reaches no private network."""

import time
from datetime import timedelta

from minirag_contracts import tracing
from minirag_service.egress import EgressRefused, FetchFailed, GuardedClient, check_url
from prometheus_client import Histogram

from minirag_webhooks.errors import InvalidUrl
from minirag_webhooks.ports import Call, Outcome

ATTEMPTS = Histogram(
    "minirag_webhook_attempt_seconds",
    "Calls of webhook endpoints: taken, refused by a status, unreachable, or forbidden by ourselves.",
    ("outcome",),
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)

READ_BYTES = 4096
"""Of an answer; only its status matters."""


class HttpSender:
    """The port Sender. Redirects are not followed (spec §13)."""

    def __init__(self, client: GuardedClient, timeout: timedelta) -> None:
        self._client = client
        self._timeout = timeout

    def check(self, url: str) -> None:
        """The same check that every call begins with."""
        try:
            check_url(url)
        except EgressRefused as refused:
            raise InvalidUrl(str(refused)) from refused

    async def send(self, call: Call) -> Outcome:
        """One POST. An address that may not be called is final, everything else may be better later."""
        attributes: dict[str, tracing.Value] = {"http.request.method": "POST"}
        with tracing.span("webhook attempt", attributes, kind="client") as span:
            outcome = await self._send(call, span.traceparent)
            kind = _kind(outcome)
            if outcome.status_code is not None:
                span.set(http__response__status_code=outcome.status_code)
            if kind != "taken":
                span.fail(kind)
        ATTEMPTS.labels(kind).observe(outcome.duration_ms / 1000)
        return outcome

    async def _send(self, call: Call, traceparent: str) -> Outcome:
        started = time.monotonic()
        # Unpacked, so that a damaged encoding of an answer that nobody reads cannot make a taken delivery fail.
        headers = {**call.headers, "Accept-Encoding": "identity"}
        if traceparent:
            headers["traceparent"] = traceparent
        try:
            fetched = await self._client.post(
                call.url, call.body, headers=headers, timeout=self._timeout, max_bytes=READ_BYTES
            )
        except EgressRefused as refused:
            return Outcome(None, str(refused), _milliseconds_since(started), final=True)
        except FetchFailed as failed:
            return Outcome(None, str(failed), _milliseconds_since(started))
        return Outcome(fetched.status, None, _milliseconds_since(started))


def _kind(outcome: Outcome) -> str:
    if outcome.taken:
        return "taken"
    if outcome.status_code is not None:
        return "refused"
    return "forbidden" if outcome.final else "unreachable"


def _milliseconds_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
