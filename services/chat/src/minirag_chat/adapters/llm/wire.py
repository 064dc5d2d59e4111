"""The wire between chat and its LLM worker: msgpack arrays behind a four-byte big-endian length, over a socket pair.

To the worker:   ["stream", id, {"model", "messages", "temperature", "max_tokens", "api_key", "timeout"}] · ["cancel", id]
From the worker: ["ready"] · ["delta", id, text] · ["count", id, prompt, completion, cached] · ["end", id]
                 · ["error", id, code]   (a code of ``errors.LLM_FAILURES``; never a provider's text)
"""

import asyncio
import struct
from collections.abc import Callable
from typing import Any, cast

import msgpack

HEADER = struct.Struct(">I")
MESSAGE_MAX = 64 * 1024 * 1024
"""Bytes of one message; a longer one means that the two sides have lost step."""

Message = list[Any]


def encode(message: Message) -> bytes:
    """One message with its length; halves of surrogate pairs become question marks."""
    body: bytes = msgpack.packb(message, unicode_errors="replace")
    return HEADER.pack(len(body)) + body


class Wire(asyncio.Protocol):
    """One end: calls ``on_message`` for each message in order, ``on_lost`` once when the other end is gone."""

    def __init__(self, on_message: Callable[[Message], None], on_lost: Callable[[], None]) -> None:
        self._on_message = on_message
        self._on_lost = on_lost
        self._buffer = bytearray()
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is ours."""
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is one without being a subclass

    def data_received(self, data: bytes) -> None:
        """Cuts what came into messages."""
        self._buffer += data
        begin = 0
        while len(self._buffer) - begin >= HEADER.size:
            (length,) = HEADER.unpack_from(self._buffer, begin)
            if length > MESSAGE_MAX:
                self.close()
                return
            end = begin + HEADER.size + length
            if len(self._buffer) < end:
                break
            message = msgpack.unpackb(memoryview(self._buffer)[begin + HEADER.size : end])
            begin = end
            self._on_message(message)
        if begin:
            del self._buffer[:begin]

    def connection_lost(self, exc: Exception | None) -> None:
        """The other end is gone."""
        self._on_lost()

    @property
    def connected(self) -> bool:
        """Whether the other end is there, as far as we know."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, message: Message) -> None:
        """Queues a message; what is sent to an end that is gone is dropped, ``on_lost`` tells."""
        if self._transport is not None and self.connected:
            self._transport.write(encode(message))

    def close(self) -> None:
        """Hangs up, after what is queued."""
        if self._transport is not None:
            self._transport.close()
