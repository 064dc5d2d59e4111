"""Chat frames: live by a plain subscription, afterwards for some minutes from a stream."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from minirag_contracts.frames import Frame
from nats.aio.msg import Msg

from minirag_messaging.connection import Connection
from minirag_messaging.direct import read_batch, sequence_of

FRAMES_STREAM = "FRAMES"
"""The stream that captures every frame."""

BATCH = 500
"""Stored frames that are read at a time."""


class FrameStream:
    """The live frames of one turn, one reader. It has no end of its own: stop at ``done`` or ``error``.

    Frames that arrive while the connection is away are lost here: a gap in ``n`` says so, and
    ``Bus.stored_frames`` has them.
    """

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque()
        self._arrived = asyncio.Event()

    async def take(self, msg: Msg) -> None:
        """Called by the subscription."""
        self._frames.append(msg.data)
        self._arrived.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Frame:
        while not self._frames:
            self._arrived.clear()
            await self._arrived.wait()
        return Frame.model_validate_json(self._frames.popleft())

    async def next(self, timeout: float) -> Frame | None:
        """The next frame, or None when none came within ``timeout`` seconds."""
        if not self._frames:
            self._arrived.clear()
            try:
                async with asyncio.timeout(timeout):
                    await self._arrived.wait()
            except TimeoutError:
                return None
        return Frame.model_validate_json(self._frames.popleft())


@asynccontextmanager
async def live(connection: Connection, subject: str) -> AsyncIterator[FrameStream]:
    """Subscribed on enter: requests that this connection sends afterwards reach the server after the
    subscription.
    """
    stream = FrameStream()
    subscription = await connection.client.subscribe(subject, cb=stream.take)
    try:
        yield stream
    finally:
        if not (connection.client.is_closed or connection.client.is_draining):
            await subscription.unsubscribe()


async def stored(connection: Connection, subject: str, after: int) -> list[Frame]:
    """All stored frames on the subject with ``n`` > ``after``."""
    found: list[Frame] = []
    start, remaining = 1, 1
    while remaining > 0:
        messages, remaining = await read_batch(connection, FRAMES_STREAM, subject, start, BATCH)
        if not messages:
            break
        start = sequence_of(messages[-1]) + 1
        found.extend(frame for msg in messages if (frame := Frame.model_validate_json(msg.data)).n > after)
    return found
