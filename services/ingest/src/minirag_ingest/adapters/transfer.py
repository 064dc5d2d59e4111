"""The bus' object store, through which uploads come in."""

import logging
from collections.abc import AsyncIterator

from minirag_contracts.errors import Unavailable
from minirag_messaging import Bus, ObjectMissing

from minirag_ingest.errors import UploadGone

log = logging.getLogger(__name__)


class BusTransfer:
    """The port Transfer."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def read(self, object_name: str, limit: int) -> bytes:
        """The bytes; reading stops as soon as there are more than ``limit``."""
        data = bytearray()
        try:
            async for piece in self._bus.get_object(object_name):
                data += piece
                if len(data) > limit:
                    break
        except ObjectMissing as error:
            raise UploadGone from error
        return bytes(data)

    async def stream(self, object_name: str) -> AsyncIterator[bytes]:
        """All bytes, as they come."""
        try:
            async for piece in self._bus.get_object(object_name):
                yield piece
        except ObjectMissing as error:
            raise UploadGone from error

    async def discard(self, object_name: str) -> None:
        """Deletes them."""
        try:
            await self._bus.delete_object(object_name)
        except (Unavailable, OSError) as error:
            log.warning("an upload stays until it expires", extra={"error": type(error).__name__})
