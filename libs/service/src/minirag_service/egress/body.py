"""Reading a response body under a limit, before and after decompression."""

import asyncio
import zlib
from collections.abc import AsyncIterable

from minirag_service.egress.errors import FetchFailed

ACCEPT_ENCODING = "gzip, deflate"


class TooLarge(Exception):
    """The body is longer than the limit."""


class _Inflater:
    """Decompresses step by step, so that a small body cannot become a large one in memory."""

    def __init__(self, encoding: str) -> None:
        self._deflate = encoding == "deflate"
        self._object = zlib.decompressobj(zlib.MAX_WBITS | 16 if not self._deflate else zlib.MAX_WBITS)
        self._started = False

    def feed(self, data: bytes, room: int) -> bytes:
        """At most ``room`` bytes more; raises TooLarge when there would be others. What follows the end is passed over."""
        if self._object.eof:
            return b""  # zlib would collect it
        try:
            plain = self._object.decompress(data, room + 1)
        except zlib.error:
            if not self._deflate or self._started:
                raise
            self._object = zlib.decompressobj(-zlib.MAX_WBITS)  # "deflate" without the zlib header is common
            plain = self._object.decompress(data, room + 1)
        self._started = True
        if len(plain) > room:
            raise TooLarge
        return plain


async def read_body(chunks: AsyncIterable[bytes], encoding: str, limit: int, *, cut: bool) -> bytes:
    """The decoded body; beyond ``limit`` bytes, as sent or decoded, it is cut, or TooLarge is raised."""
    encoding = encoding.strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise FetchFailed(
            f"The server answered in the encoding {encoding[:20]!r}, which is not understood.",
            temporary=False,
        )
    inflater = None if encoding in ("", "identity") else _Inflater(encoding)
    body, received = bytearray(), 0
    try:
        async for chunk in chunks:
            await asyncio.sleep(0)  # others first: chunks may be as short as a byte
            received += len(chunk)
            room = limit - len(body)
            plain = inflater.feed(chunk, room) if inflater else chunk
            if len(plain) > room:
                body += plain[:room]
                raise TooLarge
            body += plain
            if received > limit:  # an encoding may stand for little or nothing, without end
                raise TooLarge
    except TooLarge:
        if not cut:
            raise
    except zlib.error as error:
        raise FetchFailed("The server's compressed answer is damaged.", temporary=True) from error
    return bytes(body)
