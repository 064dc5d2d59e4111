"""The last line: no exception leaves as anything but a problem, and no unread body costs more than it must.

A refusal may go out while the client is still sending (an upload of 100 MB is refused after its first bytes).
Closing at that moment would reset the connection, and most clients would never read the refusal. So the whole
response is sent first, then what still comes is thrown away for a while, and then the connection is closed.
"""

import asyncio
import logging
import time

from minirag_contracts.errors import Internal, Refusal, Unavailable
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from minirag_gateway.entrypoints.http import problems
from minirag_gateway.entrypoints.http.tracing import trace_of

logger = logging.getLogger(__name__)

SMALL_REST = 64 * 1024
"""Bytes of an unread body that the server may read on, to keep the connection."""

LINGER_BYTES = 256 * 1024 * 1024
LINGER_SECONDS = 10.0
LINGER_IDLE_SECONDS = 2.0
"""How much and how long a refused body is still read and thrown away."""

STOPPING = (
    "The server stopped before this was answered, and it may have been done. Please send it again, with the same "
    "Idempotency-Key if it had one."
)


class Armour:
    """Innermost of our ASGI middlewares, outside the framework's own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one exchange; unexpected exceptions end here, logged."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send)
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except ClientDisconnect:
            logger.info("the client went away while sending", extra={"trace_id": trace_of(scope).trace_id})
        except (
            asyncio.CancelledError
        ):  # the process ends; the server's own word for it would be "Internal Server Error"
            if exchange.started:
                raise
            await exchange.refuse(Unavailable(STOPPING))
        except Exception:
            logger.exception("unhandled error", extra={"trace_id": trace_of(scope).trace_id})
            if not exchange.started:
                await exchange.refuse(Internal())


class _Exchange:
    """One request and its response, as they pass."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._unread = _body_length(scope)
        self._lingers = False
        self.started = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            self._unread = 0.0
        else:
            self._unread -= len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            if self._unread > SMALL_REST:
                self._lingers = True
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
        elif self._lingers and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            await self._linger()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)

    async def _linger(self) -> None:
        read, until = 0, time.monotonic() + LINGER_SECONDS
        while self._unread > 0 and read < LINGER_BYTES and time.monotonic() < until:
            try:
                message = await asyncio.wait_for(self.receive(), LINGER_IDLE_SECONDS)
            except TimeoutError:
                return
            read += len(message.get("body", b""))

    async def refuse(self, refusal: Refusal) -> None:
        response = await problems.refusal(Request(self._scope), refusal)
        await response(self._scope, self._receive, self.send)


def _body_length(scope: Scope) -> float:
    """Bytes of the request's body; infinite where it comes in chunks, 0 where there is none."""
    for name, value in scope["headers"]:
        if name == b"transfer-encoding":
            return float("inf")
        if name == b"content-length":
            return float(value) if value.isdigit() else 0.0
    return 0.0
