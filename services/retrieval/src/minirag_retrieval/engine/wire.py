"""What goes over the socket: a stream of msgpack arrays, no other framing.

Request ``[id, operation, arguments]``; reply ``[id, "ok", value]`` or ``[id, "error", sentence]``. Replies
may come in another order than their requests. Identifiers are 16 bytes, dense vectors float32 in the
machine's byte order.
"""

from typing import Any

import msgpack
from msgpack.exceptions import UnpackException

PROTOCOL = 1
MAX_FRAME_BYTES = 64 * 1024 * 1024
POINTS_PER_FRAME = 256
"""What a client sends in one frame: about 0.7 MB of points."""

__all__ = ["MAX_FRAME_BYTES", "POINTS_PER_FRAME", "PROTOCOL", "Frame", "UnpackException", "pack", "unpacker"]

Frame = list[Any]


def pack(frame: Frame) -> bytes:
    """One frame as bytes."""
    packed: bytes = msgpack.packb(frame, use_bin_type=True)
    return packed


def unpacker() -> msgpack.Unpacker:
    """A decoder to be fed with whatever arrives; it yields whole frames."""
    return msgpack.Unpacker(raw=False, max_buffer_size=MAX_FRAME_BYTES, strict_map_key=False)
