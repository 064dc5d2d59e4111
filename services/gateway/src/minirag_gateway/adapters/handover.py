"""A finished upload on its way to ingest, over the bus."""

import hashlib
from collections.abc import AsyncIterator
from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.requests.ingest import SourceRead, UploadSource
from minirag_messaging import Bus

from minirag_gateway.domain.upload import Upload

SLOW = 4 * 1024 * 1024
"""Bytes a second that ingest takes over at least."""


class BusHandover:
    """The port ``Handover``: through the transfer bucket, as every upload."""

    def __init__(self, bus: Bus, timeout: float) -> None:
        self._bus = bus
        self._timeout = timeout

    async def give(self, context: Context, upload: Upload, chunks: AsyncIterator[bytes]) -> UUID:
        """See the port."""
        digest, size = hashlib.sha256(), 0

        async def counted() -> AsyncIterator[bytes]:
            nonlocal size
            async for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                yield chunk

        name = f"{upload.tenant_id}/{upload.upload_id}"
        await self._bus.put_object(name, counted())
        request = UploadSource(
            bot_id=upload.bot_id,
            name=upload.name,
            description=upload.description,
            parent_id=upload.parent_id,
            filename=upload.filename,
            object_name=name,
            size=size,
            sha256=digest.hexdigest(),
        )
        seconds = self._timeout + size / SLOW
        source = await self._bus.request(request, SourceRead, context.within(seconds), timeout=seconds)
        await self._bus.delete_object(name)
        return source.id
