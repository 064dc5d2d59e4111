"""Writes the frames of one run of a turn, numbered, in order."""

import logging
import time
from typing import Any
from uuid import UUID

from minirag_contracts.frames import Frame, FrameEvent

from minirag_chat.ports import FrameBus

log = logging.getLogger(__name__)

PLAIN_INTERVAL = 0.25
"""Seconds between delta frames of a plain (not streamed) turn: nobody watches it, but its text must survive its process."""


class FrameWriter:
    """Numbers frames from ``n`` on."""

    def __init__(self, bus: FrameBus, tenant_id: UUID, message_id: UUID, *, attempt: int, n: int = 0) -> None:
        self.n = n
        self._bus = bus
        self._tenant_id = tenant_id
        self._message_id = message_id
        self._attempt = attempt
        self._interval = 0.0
        self._waiting: list[str] = []
        self._flushed = time.monotonic()

    def pace(self, *, stream: bool) -> None:
        """Text of a streamed turn goes out at once, that of a plain one a few times a second."""
        self._interval = 0.0 if stream else PLAIN_INTERVAL

    async def delta(self, text: str) -> None:
        """A piece of the answer."""
        self._waiting.append(text)
        if time.monotonic() - self._flushed >= self._interval:
            await self.flush()

    async def flush(self) -> None:
        """Sends the text that waits."""
        if self._waiting:
            text = "".join(self._waiting)
            self._waiting.clear()
            await self.write("delta", {"content": text})
        self._flushed = time.monotonic()

    async def write(self, event: FrameEvent, data: dict[str, Any]) -> None:
        """Sends one frame. A bus that is away costs the frame, not the turn: whoever misses it reads the stored message."""
        frame = Frame(n=self.n, attempt=self._attempt, event=event, data=data)
        self.n += 1
        try:
            await self._bus.publish_frame(self._tenant_id, self._message_id, frame)
        except Exception as error:  # noqa: BLE001  # the bus's errors are many, and none of them may end the turn
            log.warning(
                "frame not published",
                extra={"message_id": str(self._message_id), "n": frame.n, "error": type(error).__name__},
            )
