"""HTTP/1.1 as uvicorn speaks it, with bounds: neither uvicorn nor its parser limits what comes before a body.

A head (request line and headers, and trailers with them) may have 64 KiB and take 10 s. A connection that waits for its next
request is uvicorn's own affair (keep-alive); that which was never used counts as one whose head does not come.
"""

import asyncio
from typing import Any

import uvicorn
from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope
from uvicorn.protocols.http.flow_control import service_unavailable
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from minirag_gateway.entrypoints.http import problems
from minirag_gateway.entrypoints.http.tracing import begin

HEAD_BYTES = 64 * 1024

HEAD_SECONDS = 10.0

LINGER_SECONDS = 2.0
"""How long a refused client is still read from, so that the refusal reaches it before the connection is reset."""

TOO_LARGE = (431, "headers_too_large", "The address and the headers of a request may have 64 KiB together.")
MALFORMED = (400, "bad_request", "This is no valid HTTP request.")
BUSY = (503, "unavailable", "There are too many connections at the moment. Please try again.")


class BoundedConfig(uvicorn.Config):
    """``leaving``: the process stops, and each connection ends with the next answer on it. Idle ones are left to their keep-alive
    time: to close one now would break the request that its client is just sending.
    """

    leaving = False


class HeadTooLarge(Exception):
    """Ends the parsing; the parser makes an error of its own of it."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection.

    ``_head`` counts what the parser has given of the head, ``_silent`` what it was fed since it last gave anything: it
    keeps an unfinished header to itself. ``_partial``: a head has begun and is not complete.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head = 0
        self._silent = 0
        self._gave = False
        self._partial = False
        self._refused = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins to wait for the first request."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(HEAD_SECONDS, self._out_of_time)

    @property
    def answering(self) -> bool:
        """Whether a request is being answered here."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def leave(self) -> None:
        """The process stops: what is being answered here, and not yet begun, says that the connection ends with it."""
        if self.answering and not self.cycle.response_started:
            self.cycle.keep_alive = False

    def connection_lost(self, exc: Exception | None) -> None:
        """Waits for nothing any more."""
        self._forget_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parses in pieces, so that what the parser keeps stays bounded; whatever follows a refusal is thrown away."""
        if len(data) <= HEAD_BYTES:
            self._feed(data)
        else:
            for start in range(0, len(data), HEAD_BYTES):
                self._feed(data[start : start + HEAD_BYTES])
        if self._refused:
            return
        if not (self._partial or self._silent):
            self._forget_timer()
        elif self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS, self._out_of_time)

    def _feed(self, data: bytes) -> None:
        if self._refused or self.transport.is_closing():
            return
        self._gave = False
        super().data_received(data)
        self._silent = 0 if self._gave else self._silent + len(data)
        if self._silent > HEAD_BYTES and not self._refused:
            self._refuse(*TOO_LARGE)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._head, self._partial, self._gave = 0, True, True
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A piece of the address."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer."""
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._partial, self._gave = False, True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of the body, whose size is the routes' affair."""
        self._gave = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is there."""
        self._gave = True
        super().on_message_complete()

    def _count(self, size: int) -> None:
        self._gave = True
        self._head += size
        if self._head > HEAD_BYTES:
            raise HeadTooLarge

    def send_400_response(self, msg: str) -> None:
        """What uvicorn calls when the parser gives up."""
        if not self._refused:
            self._refuse(*(TOO_LARGE if self._head > HEAD_BYTES else MALFORMED))

    def _refuse(self, status: int, code: str, detail: str) -> None:
        """Says so and closes, after the answers to whole requests; never amid an answer, where nobody would know it."""
        self._refused = True
        self._forget_timer()
        if self.answering and not self.cycle.more_body:
            self.cycle.keep_alive = False
            return
        if self.answering and (self.cycle.response_started or self.pipeline):
            self.transport.close()
            return
        if self.answering:  # the rest of its body will not come
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        headers, body = _problem(status, code, detail)
        lines = [name + b": " + value + b"\r\n" for name, value in headers]
        self.transport.write(b"".join([STATUS_LINE[status], *lines, b"\r\n", body]))
        self.transport.write_eof()
        self._timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _out_of_time(self) -> None:
        self._timer = None
        if not self.answering:
            self.transport.close()

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if isinstance(self.config, BoundedConfig) and self.config.leaving:
            cycle.keep_alive = False
        super()._start_asgi_task(cycle, _busy if app is service_unavailable else app)


async def _busy(_: Scope, __: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    status, code, detail = BUSY
    headers, body = _problem(status, code, detail)
    await send(
        {"type": "http.response.start", "status": status, "headers": [*headers, (b"retry-after", b"1")]}
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _problem(status: int, code: str, detail: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Headers and body of a problem outside of the application."""
    trace_id = begin("").trace_id
    body = problems.body_of(status, code, detail, trace_id)
    headers = {
        "content-type": problems.MEDIA_TYPE,
        "content-length": str(len(body)),
        "connection": "close",
        "x-request-id": trace_id,
    }
    return [(name.encode(), value.encode()) for name, value in headers.items()], body
