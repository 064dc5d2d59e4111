"""Server-sent events as bytes, and a response that cleans up however it ends."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

from minirag_contracts.errors import Refusal, Unavailable
from minirag_contracts.frames import Frame
from prometheus_client import Gauge, Histogram
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from minirag_gateway.queries.delivery import NO_NUMBER, failure

OPEN_STREAMS = Gauge("minirag_open_streams", "Answers in pieces that are being sent: chat, events, exports.")
FIRST_TOKEN = Histogram(
    "minirag_stream_first_token_seconds",
    "From the start of a streamed turn to the first piece of its answer, as the client gets it.",
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80),
)

MEDIA_TYPE = "text/event-stream"

HEARTBEAT = b": heartbeat\n\n"

UNKNOWN = "Whether this stream's credential is still valid cannot be told at the moment. The answer goes on; please ask again."

ENDED = (
    "The credential of this stream is no longer valid. The answer goes on and can be read with a valid one."
)

_END = Frame(n=NO_NUMBER, attempt=0, event="done", data={})
"""Stands for the end of an iterator; no frame of a turn is this one."""


def described(events: list[str], example: dict[str, str]) -> dict[str, Any]:
    """The ``content`` of a documented answer that is an event stream: its schema is that of one event, of any name where
    ``events`` is empty.
    """
    schema = {
        "type": "object",
        "description": "One server-sent event (WHATWG HTML §9.2); comments keep the connection open.",
        "required": ["event", "data"],
        "properties": {
            "id": {"type": "string", "description": "Resume after it with `Last-Event-ID`."},
            "event": {"type": "string", "enum": events} if events else {"type": "string"},
            "data": {"type": "string", "contentMediaType": "application/json"},
        },
    }
    return {MEDIA_TYPE: {"schema": schema, "example": example}}


def encode(message_id: UUID, frame: Frame) -> bytes:
    """One frame: id, event, one line of JSON (spec §11).

    ``done`` goes without the stored message, which only plain chat needs.
    """
    data = frame.data
    if frame.event == "done":
        data = {key: value for key, value in data.items() if key != "message"}
    line = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    id_line = "" if frame.n == NO_NUMBER else f"id: {message_id}.{frame.n}\n"
    return f"{id_line}event: {frame.event}\ndata: {line}\n\n".encode()


async def events(
    message_id: UUID, frames: AsyncIterator[Frame | None], heartbeat: float, began: float | None = None
) -> AsyncIterator[bytes]:
    """The stream's bytes; a comment after ``heartbeat`` seconds of silence. ``began``, where it is the turn's start, is
    by ``time.monotonic``.
    """
    sent = time.monotonic()
    async for frame in frames:
        if frame is not None:
            if began is not None and frame.event == "delta":
                FIRST_TOKEN.observe(time.monotonic() - began)
                began = None
            sent = time.monotonic()
            yield encode(message_id, frame)
        elif time.monotonic() - sent >= heartbeat:
            sent = time.monotonic()
            yield HEARTBEAT


async def until(
    ended: Coroutine[Any, Any, Refusal], frames: AsyncIterator[Frame | None]
) -> AsyncIterator[Frame | None]:
    """The frames for as long as ``ended`` has not returned; then one that says why it stops, without a number."""
    watch = asyncio.create_task(ended)
    coming: asyncio.Task[Frame | None] | None = None
    try:
        while True:
            coming = asyncio.ensure_future(anext(frames, _END))
            await asyncio.wait((watch, coming), return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                yield Frame(n=NO_NUMBER, attempt=1, event="error", data=_why(watch.result()))
                return
            if (frame := coming.result()) is _END:
                return
            yield frame
    finally:
        watch.cancel()
        if coming is not None and not coming.done():
            coming.cancel()
        await asyncio.gather(watch, *([coming] if coming else []), return_exceptions=True)


def _why(reason: Refusal) -> dict[str, Any]:
    unknown = isinstance(reason, Unavailable)
    return failure("unavailable", UNKNOWN) if unknown else failure("not_authenticated", ENDED)


class HeldResponse(StreamingResponse):
    """A response in pieces. ``resources`` are closed when it ends, also if it never began."""

    def __init__(
        self,
        content: AsyncIterator[bytes | str],
        media_type: str,
        headers: Mapping[str, str],
        resources: AsyncExitStack,
    ) -> None:
        super().__init__(content, media_type=media_type, headers=dict(headers))
        self._resources = resources

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the pieces until they end or the client goes away."""
        async with self._resources:
            with OPEN_STREAMS.track_inprogress():
                await super().__call__(scope, receive, send)


class EventStreamResponse(HeldResponse):
    """``text/event-stream``, for clients and proxies that would rather keep it back."""

    def __init__(
        self, content: AsyncIterator[bytes], headers: Mapping[str, str], resources: AsyncExitStack
    ) -> None:
        whole = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no", **headers}
        super().__init__(content, MEDIA_TYPE, whole, resources)
