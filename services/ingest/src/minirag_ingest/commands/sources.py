"""Making sources and asking for their ingestion."""

import hashlib
from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.ids import new_id
from minirag_contracts.requests.ingest import (
    CreateSource,
    IngestAccepted,
    IngestSource,
    SourceRead,
    UploadSource,
)
from minirag_eventstore import EventStore, Transaction
from minirag_service.sealing import new_salt, salted_hash

from minirag_ingest.commands.aggregates import Sources
from minirag_ingest.commands.given import Given
from minirag_ingest.domain import intake, source
from minirag_ingest.errors import FileTooLarge, UploadGone
from minirag_ingest.ports import SourceContent, Transfer


class SourceCommands:
    """The commands of single sources."""

    def __init__(self, store: EventStore, sources: Sources, given: Given, transfer: Transfer) -> None:
        self._store = store
        self._sources = sources
        self._given = given
        self._transfer = transfer

    async def create(self, request: CreateSource, context: Context) -> SourceRead:
        """A text or URL; nothing is ingested until it is asked for."""
        new = self._given.new(request.bot_id, request, request.parent_id)
        await self._sources.check_bot(context, request.bot_id)

        async def action(tx: Transaction) -> SourceRead:
            await self._sources.quotas.check_sources(tx)
            await self._sources.create(tx, context, new.command, new.content, new.salt)
            return await self._sources.read(tx, new.command.source_id)

        return await self._store.execute(context, request, action)

    async def upload(self, request: UploadSource, context: Context) -> SourceRead:
        """A file, whose ingestion starts at once. Bot and parent are checked before its bytes are looked at (spec §8)."""
        intake.check_file(request.filename, request.size)
        config = {"original_filename": request.filename, "file_size": request.size}
        name = request.name or request.filename
        intake.check_names(name, request.description, config)
        self._given.check_disk()
        await self._sources.check_bot(context, request.bot_id)
        salt, source_id = new_salt(), new_id()

        async def action(tx: Transaction) -> SourceRead:
            await self._sources.quotas.check_sources(tx)
            await self._sources.quotas.check_queue(tx)
            parent = await self._parent(tx, request.parent_id)
            settings = source.Settings(name, request.description, intake.public_config("upload", config))
            command = source.Create(
                source_id, request.bot_id, "upload", settings, parent_id=request.parent_id, parent=parent
            )
            source.decide(source.Source(), command)
            body = await self._received(request)
            command = source.with_content(command, salted_hash(body, salt))
            await self._sources.create(tx, context, command, SourceContent(config, body), salt)
            await self._sources.request(tx, context, source_id)
            return await self._sources.read(tx, source_id)

        created = await self._store.execute(context, request, action)
        await self._transfer.discard(request.object_name)
        return created

    async def ingest(self, request: IngestSource, context: Context) -> IngestAccepted:
        """A new version; SourceBusy while one is being made, SourceInactive for a source that was deactivated."""
        self._given.check_disk()

        async def action(tx: Transaction) -> IngestAccepted:
            await self._sources.quotas.check_queue(tx)
            version = await self._sources.request(tx, context, request.source_id)
            return IngestAccepted(source_id=request.source_id, version=version)

        return await self._store.execute(context, request, action)

    async def _parent(self, tx: Transaction, parent_id: UUID | None) -> source.Source | None:
        return None if parent_id is None else (await self._sources.load(tx, parent_id))[0]

    async def _received(self, request: UploadSource) -> bytes:
        """The uploaded bytes, if they are the announced ones."""
        body = await self._transfer.read(request.object_name, intake.MAX_FILE)
        if len(body) > intake.MAX_FILE:
            raise FileTooLarge
        if len(body) != request.size or hashlib.sha256(body).hexdigest() != request.sha256.lower():
            raise UploadGone
        return body
