"""Making sources and asking for their ingestion."""

import hashlib
from typing import Any
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

from minirag_ingest.commands.ingestion import work_key, work_payload
from minirag_ingest.domain import intake, source
from minirag_ingest.errors import (
    BotUnknown,
    DiskFull,
    FileTooLarge,
    InvalidSource,
    InvalidUrl,
    SourceNotFound,
    UploadGone,
)
from minirag_ingest.ports import (
    Bots,
    ContentRows,
    Disk,
    Fetcher,
    LastingFailure,
    Runner,
    SourceContent,
    SourceRows,
    Transfer,
)

MIN_FREE = 1024**3
"""Bytes of disk under which nothing new is ingested."""


class SourceCommands:
    """The commands of sources."""

    def __init__(
        self,
        store: EventStore,
        rows: SourceRows,
        contents: ContentRows,
        bots: Bots,
        fetcher: Fetcher,
        transfer: Transfer,
        disk: Disk,
        runner: Runner,
    ) -> None:
        self._store = store
        self._rows = rows
        self._contents = contents
        self._bots = bots
        self._fetcher = fetcher
        self._transfer = transfer
        self._disk = disk
        self._runner = runner

    async def create(self, request: CreateSource, context: Context) -> SourceRead:
        """A text or URL; nothing is ingested until it is asked for."""
        intake.check_names(request.name, request.description, request.config)
        if request.source_type == "upload":
            raise InvalidSource("A file is given by uploading it (POST /v1/sources/upload).")
        body = self._body(request)
        await self._check_bot(context, request.bot_id)
        content, salt = SourceContent(request.config, body), new_salt()
        command = source.Create(
            source_id=new_id(),
            bot_id=request.bot_id,
            name=request.name,
            source_type=request.source_type,
            description=request.description,
            config=intake.public_config(request.source_type, request.config),
            refresh_schedule=request.refresh_schedule,
            content_hash=None if body is None else salted_hash(body, salt),
            parent_id=request.parent_id,
        )

        async def action(tx: Transaction) -> SourceRead:
            await self._append_new(tx, context, command)
            await self._contents.keep(tx, command.source_id, content, salt)
            return await self._read(tx, command.source_id)

        return await self._store.execute(context, request, action)

    async def upload(self, request: UploadSource, context: Context) -> SourceRead:
        """A file, whose ingestion starts at once."""
        intake.check_file(request.filename, request.size)
        config = {"original_filename": request.filename, "file_size": request.size}
        name = request.name or request.filename
        intake.check_names(name, request.description, config)
        self._check_disk()
        await self._check_bot(context, request.bot_id)
        salt = new_salt()
        source_id = new_id()

        async def action(tx: Transaction) -> SourceRead:
            body = await self._received(request)
            command = source.Create(
                source_id=source_id,
                bot_id=request.bot_id,
                name=name,
                source_type="upload",
                description=request.description,
                config=intake.public_config("upload", config),
                content_hash=salted_hash(body, salt),
                parent_id=request.parent_id,
            )
            await self._append_new(tx, context, command)
            await self._contents.keep(tx, source_id, SourceContent(config, body), salt)
            await self._request(tx, context, source_id)
            return await self._read(tx, source_id)

        created = await self._store.execute(context, request, action)
        await self._transfer.discard(request.object_name)
        return created

    async def ingest(self, request: IngestSource, context: Context) -> IngestAccepted:
        """A new version; SourceBusy while one is being made."""
        self._check_disk()

        async def action(tx: Transaction) -> IngestAccepted:
            version = await self._request(tx, context, request.source_id)
            return IngestAccepted(source_id=request.source_id, version=version)

        return await self._store.execute(context, request, action)

    def _body(self, request: CreateSource) -> bytes | None:
        """The text that comes with the request, checked; a URL is checked as well as its form allows."""
        if request.source_type == "url":
            url = intake.url_of(request.config)
            if url is not None:
                try:
                    self._fetcher.check(url)
                except LastingFailure as failure:
                    raise InvalidUrl(str(failure)) from failure
        body = intake.encode_text(request.content)
        if body is not None:
            self._check_disk()
        return body

    async def _append_new(self, tx: Transaction, context: Context, command: source.Create) -> None:
        if command.parent_id is not None:
            parent, _ = await self._load(tx, command.parent_id)
            command = _with_parent(command, parent)
        payloads = source.decide(source.Source(), command)
        await tx.append(context, source.stream_of(command.source_id), 0, payloads)

    async def _request(self, tx: Transaction, context: Context, source_id: UUID) -> int:
        """Asks for the next version; the work to make it begins with the commit."""
        state, recorded = await self._load(tx, source_id)
        payloads = source.decide(state, source.Ingest())
        [event] = await tx.append(context, source.stream_of(source_id), recorded, payloads)
        version: int = event.data["version"]
        await self._runner.add(tx, work_key(source_id, version), work_payload(source_id, version, event))
        return version

    async def _load(self, tx: Transaction, source_id: UUID) -> tuple[source.Source, int]:
        return await tx.load(source.stream_of(source_id), source.evolve, source.Source())

    async def _read(self, tx: Transaction, source_id: UUID) -> SourceRead:
        found = await self._rows.get(tx, source_id)
        if found is None:
            raise SourceNotFound
        return found

    async def _check_bot(self, context: Context, bot_id: UUID) -> None:
        if not await self._bots.exists(context, bot_id):
            raise BotUnknown

    def _check_disk(self) -> None:
        if self._disk.free() < MIN_FREE:
            raise DiskFull

    async def _received(self, request: UploadSource) -> bytes:
        """The uploaded bytes, if they are the announced ones."""
        body = await self._transfer.read(request.object_name, intake.MAX_FILE)
        if len(body) > intake.MAX_FILE:
            raise FileTooLarge
        if len(body) != request.size or hashlib.sha256(body).hexdigest() != request.sha256.lower():
            raise UploadGone
        return body


def _with_parent(command: source.Create, parent: source.Source) -> source.Create:
    fields: dict[str, Any] = {name: getattr(command, name) for name in command.__slots__}
    return source.Create(**(fields | {"parent": parent}))
