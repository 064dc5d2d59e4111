"""Uploads beyond a single document: several files at a time, and archives."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace

from minirag_contracts.context import Context
from minirag_contracts.ids import new_id
from minirag_contracts.requests.ingest import (
    SourceBatch,
    SourceRead,
    UploadedFile,
    UploadSource,
    UploadSourceBatch,
    is_archive,
    name_of_several,
)
from minirag_eventstore import EventStore, Transaction
from minirag_service.sealing import new_salt

from minirag_ingest.commands.aggregates import Sources
from minirag_ingest.commands.given import Given, NewSource, of_file
from minirag_ingest.domain import intake, source
from minirag_ingest.errors import ArchiveWithParent, FileTooLarge, NoArchive, UploadGone
from minirag_ingest.ports import ArchiveRows, SourceContent, SourceRows, Transfer

ZIP = (b"PK\x03\x04", b"PK\x05\x06")
"""How archives begin; what else is wrong with one is found out where it cannot do harm."""


class UploadCommands:
    """The commands of uploads: a document, several of them, an archive. Their ingestion starts at once."""

    def __init__(
        self,
        store: EventStore,
        rows: SourceRows,
        archives: ArchiveRows,
        sources: Sources,
        given: Given,
        transfer: Transfer,
        archive_limit: int,
    ) -> None:
        self._store = store
        self._rows = rows
        self._archives = archives
        self._sources = sources
        self._given = given
        self._transfer = transfer
        self._archive_limit = archive_limit

    async def upload(self, request: UploadSource, context: Context) -> SourceRead:
        """One file. Bot and parent are checked before its bytes are looked at (spec §8); an archive is stored before anything of
        it is: unpacking is work of its ingestion.
        """
        intake.check_file(request.filename, request.size, self._archive_limit)
        archive = is_archive(request.filename)
        if archive and request.parent_id is not None:
            raise ArchiveWithParent
        name = request.name or request.filename
        intake.check_names(name, request.description, intake.file_config(request.filename, request.size))
        self._given.check_disk()
        await self._sources.check_bot(context, request.bot_id)
        settings = source.Settings(name, request.description)
        wanted = source.Create(new_id(), request.bot_id, "upload", settings, request.parent_id)
        file = UploadedFile(filename=request.filename, size=request.size, sha256=request.sha256)

        async def action(tx: Transaction) -> SourceRead:
            await self._sources.quotas.check_sources(tx)
            await self._sources.quotas.check_queue(tx)
            if archive:
                await self._archive(tx, context, wanted, file, request.object_name)
            else:
                await self._document(
                    tx, context, await self._with_parent(tx, wanted), file, request.object_name
                )
            return await self._sources.read(tx, wanted.source_id)

        created = await self._store.execute(context, request, action)
        await self._transfer.discard(request.object_name)
        return created

    async def upload_batch(self, request: UploadSourceBatch, context: Context) -> SourceBatch:
        """Several files, in one transaction; they are read one after the other, and a refusal names its file."""
        intake.check_files([(file.filename, file.size) for file in request.files])
        if len(request.object_names) != len(request.files):
            raise UploadGone
        name = request.name or name_of_several([file.filename for file in request.files])
        intake.check_names(name, request.description, {})
        self._given.check_disk()
        await self._sources.check_bot(context, request.bot_id)
        parent_id, ids = request.parent_id or new_id(), [new_id() for _ in request.files]

        async def action(tx: Transaction) -> SourceBatch:
            await self._sources.quotas.check_sources(tx, len(ids) + (request.parent_id is None))
            await self._sources.quotas.check_queue(tx, len(ids))
            if request.parent_id is None:
                settings = source.Settings(name, request.description)
                folder = source.Create(parent_id, request.bot_id, "upload", settings)
                await self._sources.create(tx, context, folder, SourceContent({}), new_salt())
            parent, _ = await self._sources.load(tx, parent_id)
            for source_id, file, object_name in zip(ids, request.files, request.object_names, strict=True):
                settings = source.Settings(file.filename[-intake.MAX_NAME :])
                wanted = source.Create(source_id, request.bot_id, "upload", settings, parent_id, parent)
                try:
                    await self._document(tx, context, wanted, file, object_name)
                except UploadGone as gone:
                    raise UploadGone(f"{file.filename}: {gone.detail}") from None
            first, *others = await self._rows.listed(tx, [parent_id, *ids])
            return SourceBatch(parent=first, children=others)

        created = await self._store.execute(context, request, action)
        for object_name in request.object_names:
            await self._transfer.discard(object_name)
        return created

    async def _with_parent(self, tx: Transaction, wanted: source.Create) -> source.Create:
        if wanted.parent_id is None:
            return wanted
        return replace(wanted, parent=(await self._sources.load(tx, wanted.parent_id))[0])

    async def _document(
        self, tx: Transaction, context: Context, wanted: source.Create, file: UploadedFile, object_name: str
    ) -> None:
        source.decide(source.Source(), wanted)  # the parent is checked before the bytes are looked at
        body = await self._transfer.read(object_name, intake.MAX_FILE)
        if len(body) > intake.MAX_FILE:
            raise FileTooLarge
        if len(body) != file.size or hashlib.sha256(body).hexdigest() != file.sha256.lower():
            raise UploadGone
        config = intake.file_config(file.filename, file.size)
        await self._add(tx, context, of_file(wanted, config, body, body))

    async def _archive(
        self, tx: Transaction, context: Context, wanted: source.Create, file: UploadedFile, object_name: str
    ) -> None:
        chunks = _archive_of(self._transfer.stream(object_name), self._archive_limit)
        if await self._archives.keep(tx, wanted.source_id, chunks) != (file.size, file.sha256.lower()):
            raise UploadGone
        config = intake.file_config(file.filename, file.size)
        await self._add(tx, context, of_file(wanted, config, file.sha256, None))

    async def _add(self, tx: Transaction, context: Context, new: NewSource) -> None:
        await self._sources.create(tx, context, new.command, new.content, new.salt)
        await self._sources.request(tx, context, new.command.source_id)


async def _archive_of(chunks: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in chunks:
        if size == 0 and not chunk.startswith(ZIP):
            raise NoArchive
        size += len(chunk)
        if size > limit:
            raise FileTooLarge(f"File too large. Maximum size is {limit // intake.MEGABYTE} MB.")
        yield chunk
