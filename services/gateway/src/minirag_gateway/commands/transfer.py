"""A file on its way to ingest through the transfer bucket: measured while it passes, and dropped where nobody wants it."""

import hashlib
import logging
from collections.abc import AsyncIterator
from typing import Protocol, Self

from minirag_contracts.errors import Refusal

from minirag_gateway.domain.upload import MEGABYTE, too_large
from minirag_gateway.errors import FileTooLarge

logger = logging.getLogger(__name__)

SLOW = 4 * MEGABYTE
"""Bytes a second that ingest takes over at least."""


def patience(timeout: float, size: int) -> float:
    """Seconds that ingest may take for so many bytes, where ``timeout`` is what it may take for none."""
    return timeout + size / SLOW


class Bucket(Protocol):
    """Where files wait for ingest. It forgets them within the hour."""

    async def delete_object(self, name: str) -> None:
        """Drops one."""
        ...


async def discard(bucket: Bucket, name: str) -> None:
    """Drops a file from the bucket; if that fails, the bucket drops it by itself."""
    try:
        await bucket.delete_object(name)
    except Refusal as refusal:
        logger.info("a transferred file was left to expire", extra={"reason": refusal.code})


class Counted:
    """Measures and hashes a file as it passes; raises FileTooLarge beyond ``limit``."""

    def __init__(self, pieces: AsyncIterator[bytes], limit: int) -> None:
        self._pieces = pieces
        self._limit = limit
        self._digest = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        """Of what has passed, in hex."""
        return self._digest.hexdigest()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece = await anext(self._pieces)
        self.size += len(piece)
        if self.size > self._limit:
            raise FileTooLarge(too_large(self._limit))
        self._digest.update(piece)
        return piece
