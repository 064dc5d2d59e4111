"""Uploads beyond a single document: several files at a time, and archives."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from uuid import UUID

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
from minirag_service.sealing import new_salt, salted_hash

from minirag_ingest.commands.aggregates import Sources
from minirag_ingest.commands.given import Given
from minirag_ingest.commands.sources import SourceCommands
from minirag_ingest.domain import intake, source
from minirag_ingest.errors import ArchiveWithParent, FileTooLarge, NoArchive, UploadGone
from minirag_ingest.ports import ArchiveRows, SourceContent, SourceRows, Transfer

ZIP = (b"PK\x03\x04", b"PK\x05\x06")
"""How archives begin; what else is wrong with one is found out where it cannot do harm."""


@dataclass(frozen=True, slots=True)
class _Files:
    """The files of one command, with ids that are chosen once."""

    parent_id: UUID
    ids: list[UUID]


class UploadCommands:
    """The commands of uploads."""

    def __init__(
        self,
        store: EventStore,
        rows: SourceRows,
        archives: ArchiveRows,
        sources: Sources,
        given: Given,
        transfer: Transfer,
        documents: SourceCommands,
        archive_limit: int,
    ) -> None:
        self._store = store
        self._rows = rows
        self._archives = archives
        self._sources = sources
        self._given = given
        self._transfer = transfer
        self._documents = documents
        self._archive_limit = archive_limit

    async def upload(self, request: UploadSource, context: Context) -> SourceRead:
        """A document; or an archive, which is stored before anything of it is looked at: unpacking is work of its ingestion."""
        if not is_archive(request.filename):
            return await self._documents.upload(request, context)
        intake.check_file(request.filename, request.size, self._archive_limit)
        if request.parent_id is not None:
            raise ArchiveWithParent
        config = {"original_filename": request.filename, "file_size": request.size}
        name = request.name or request.filename
        intake.check_names(name, request.description, config)
        self._given.check_disk()
        await self._sources.check_bot(context, request.bot_id)
        salt, source_id = new_salt(), new_id()
        settings = source.Settings(
            name,
            request.description,
            intake.public_config("upload", config),
            content_hash=salted_hash(request.sha256, salt),
        )
        command = source.Create(source_id, request.bot_id, "upload", settings)

        async def action(tx: Transaction) -> SourceRead:
            await self._sources.quotas.check_sources(tx)
            await self._sources.quotas.check_queue(tx)
            chunks = _archive_of(self._transfer.stream(request.object_name), self._archive_limit)
            if await self._archives.keep(tx, source_id, chunks) != (request.size, request.sha256.lower()):
                raise UploadGone
            await self._sources.create(tx, context, command, SourceContent(config), salt)
            await self._sources.request(tx, context, source_id)
            return await self._sources.read(tx, source_id)

        created = await self._store.execute(context, request, action)
        await self._transfer.discard(request.object_name)
        return created

    async def upload_batch(self, request: UploadSourceBatch, context: Context) -> SourceBatch:
        """Several files, in one transaction; they are read one after the other."""
        intake.check_files([(file.filename, file.size) for file in request.files])
        if len(request.object_names) != len(request.files):
            raise UploadGone
        name = request.name or name_of_several([file.filename for file in request.files])
        intake.check_names(name, request.description, {})
        self._given.check_disk()
        await self._sources.check_bot(context, request.bot_id)
        chosen = _Files(request.parent_id or new_id(), [new_id() for _ in request.files])

        async def action(tx: Transaction) -> SourceBatch:
            await self._sources.quotas.check_sources(tx, len(chosen.ids) + (request.parent_id is None))
            await self._sources.quotas.check_queue(tx, len(chosen.ids))
            parent = await self._parent(tx, context, request, chosen.parent_id, name)
            objects = zip(chosen.ids, request.files, request.object_names, strict=True)
            for source_id, file, object_name in objects:
                command = source.Create(
                    source_id,
                    request.bot_id,
                    "upload",
                    source.Settings(file.filename),
                    chosen.parent_id,
                    parent,
                )
                await self._file(tx, context, command, file, object_name)
            first, *others = await self._rows.listed(tx, [chosen.parent_id, *chosen.ids])
            return SourceBatch(parent=first, children=others)

        created = await self._store.execute(context, request, action)
        for object_name in request.object_names:
            await self._transfer.discard(object_name)
        return created

    async def _parent(
        self, tx: Transaction, context: Context, request: UploadSourceBatch, parent_id: UUID, name: str
    ) -> source.Source:
        """The given one; or a new one, whose files are its children's."""
        if request.parent_id is None:
            settings = source.Settings(name, request.description)
            command = source.Create(parent_id, request.bot_id, "upload", settings)
            await self._sources.create(tx, context, command, SourceContent({}), new_salt())
        return (await self._sources.load(tx, parent_id))[0]

    async def _file(
        self, tx: Transaction, context: Context, command: source.Create, file: UploadedFile, object_name: str
    ) -> None:
        source.decide(source.Source(), command)  # the parent is checked before the bytes are looked at
        salt = new_salt()
        body = await self._received(file, object_name)
        config = {"original_filename": file.filename, "file_size": file.size}
        settings = replace(
            command.settings,
            name=file.filename[-intake.MAX_NAME :],
            config=intake.public_config("upload", config),
            content_hash=salted_hash(body, salt),
        )
        await self._sources.create(
            tx, context, replace(command, settings=settings), SourceContent(config, body), salt
        )
        await self._sources.request(tx, context, command.source_id)

    async def _received(self, file: UploadedFile, object_name: str) -> bytes:
        """The uploaded bytes, if they are the announced ones."""
        try:
            body = await self._transfer.read(object_name, intake.MAX_FILE)
        except UploadGone:
            raise UploadGone(f"{file.filename}: {UploadGone.default_detail()}") from None
        if len(body) != file.size or hashlib.sha256(body).hexdigest() != file.sha256.lower():
            raise UploadGone(f"{file.filename}: {UploadGone.default_detail()}")
        return body


async def _archive_of(chunks: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in chunks:
        if size == 0 and not chunk.startswith(ZIP):
            raise NoArchive
        size += len(chunk)
        if size > limit:
            raise FileTooLarge(f"File too large. Maximum size is {limit // intake.MEGABYTE} MB.")
        yield chunk
