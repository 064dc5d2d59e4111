"""A finished upload on its way to ingest, over the bus."""

from collections.abc import AsyncIterator
from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.errors import Refusal, Unavailable
from minirag_contracts.requests.ingest import SourceRead, UploadSource
from minirag_messaging import Bus

from minirag_gateway.commands.transfer import Counted, discard, patience
from minirag_gateway.domain.upload import Upload


class BusHandover:
    """The port ``Handover``: through the transfer bucket, as every upload."""

    def __init__(self, bus: Bus, timeout: float) -> None:
        self._bus = bus
        self._timeout = timeout

    async def give(self, context: Context, upload: Upload, chunks: AsyncIterator[bytes]) -> UUID:
        """See the port. What ingest has taken over it drops from the bucket itself."""
        name = f"{upload.tenant_id}/{upload.upload_id}"
        file = Counted(chunks, upload.length)
        await self._bus.put_object(name, file)
        request = UploadSource(
            bot_id=upload.bot_id,
            name=upload.name,
            description=upload.description,
            parent_id=upload.parent_id,
            filename=upload.filename,
            object_name=name,
            size=file.size,
            sha256=file.sha256,
        )
        seconds = patience(self._timeout, file.size)
        try:
            source = await self._bus.request(request, SourceRead, context.within(seconds), timeout=seconds)
        except Unavailable:
            raise  # ingest may still take it over: the bucket forgets it by itself
        except Refusal:
            await discard(self._bus, name)
            raise
        return source.id
