"""An archive becomes children: unpacking is the ingestion of its parent, and may be begun again at any time.

A child's id follows from its parent and its path, so that whoever takes the work up makes what is missing and nothing twice.
"""

from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.ids import derived_id
from minirag_contracts.requests.ingest import is_archive
from minirag_eventstore import EventStore, Transaction
from minirag_service.sealing import new_salt

from minirag_ingest.commands.aggregates import Sources
from minirag_ingest.commands.given import Given, of_file
from minirag_ingest.commands.ingestion import AS_DOCUMENT, AsDocument
from minirag_ingest.commands.progress import Meter
from minirag_ingest.domain import intake, source
from minirag_ingest.errors import DiskFull, TooManyQueued, TooManySources
from minirag_ingest.ports import (
    ArchivedFile,
    ArchiveOpener,
    ArchiveRows,
    ContentRows,
    LastingFailure,
    OpenArchive,
    SkippedFile,
    SourceContent,
    SourceRows,
    TemporaryFailure,
)

FILES, BYTES = 25, 8 * intake.MEGABYTE
"""Of one transaction, at most (one file may have more bytes)."""
TOLD = 100
"""Files that were left out and are named; the others are counted."""
TOLD_PATH = 200
DISK_AGAIN = timedelta(minutes=1)
QUEUE_AGAIN = timedelta(seconds=30)
LARGE_DOCUMENT = "The file is an office document or a book, and those may have at most 10 MB."
NOTHING = "There is no file in the archive that can be read."

Unpacked = list[tuple[UUID, ArchivedFile, bytes]]


class NoRoom(TemporaryFailure):
    """There may be room for the files later."""

    code = "disk_full"


class QueueFull(TemporaryFailure):
    """The tenant's ingestions that wait will be fewer later."""

    code = "ingestion_quota_reached"


class Unpacking:
    """What ``Ingestion`` does instead of reading, where the source is an archive."""

    def __init__(
        self,
        store: EventStore,
        rows: SourceRows,
        contents: ContentRows,
        archives: ArchiveRows,
        sources: Sources,
        given: Given,
        opener: ArchiveOpener,
    ) -> None:
        self._store = store
        self._rows = rows
        self._contents = contents
        self._archives = archives
        self._sources = sources
        self._given = given
        self._opener = opener

    @staticmethod
    def concerns(state: source.Source) -> bool:
        """Whether this source is an archive."""
        filename = str(state.settings.config.get("original_filename", ""))
        return state.source_type == "upload" and is_archive(filename)

    async def unpack(
        self, context: Context, source_id: UUID, state: source.Source, meter: Meter
    ) -> source.Complete | AsDocument | None:
        """Makes what is missing of the children, each with its ingestion; None if the version is not wanted any more.

        Raises LastingFailure and TemporaryFailure.
        """
        async with self._store.transaction(context.scope) as tx:
            size = await self._archives.size(tx, source_id)
            _, has_body = await self._contents.outline(tx, source_id)
        if size == 0 and has_body:
            return AS_DOCUMENT
        if size == 0:
            return await self._complete(context, source_id, state.version, None)
        await meter.tell("unpacking")
        async with self._opener.open(size, self._archives.read(context.scope, source_id)) as archive:
            if archive.is_document:
                return await self._as_document(context, source_id, size)
            skipped = list(archive.skipped)
            done = 0
            for group in _groups(archive.files):
                missing = await self._missing(context, source_id, group)
                unpacked = [one async for one in _read(archive, source_id, missing, skipped)]
                if not await self._make(context, source_id, state.version, unpacked):
                    return None
                done += len(group)
                await meter.tell("unpacking", done, len(archive.files))
        return await self._complete(context, source_id, state.version, skipped)

    async def _as_document(self, context: Context, source_id: UUID, size: int) -> AsDocument:
        """Keeps it as any other document is kept."""
        if size > intake.MAX_FILE:
            raise LastingFailure("file_too_large", LARGE_DOCUMENT)
        body = b"".join([piece async for piece in self._archives.read(context.scope, source_id)])
        async with self._store.transaction(context.scope) as tx:
            await self._sources.load(tx, source_id)
            content = await self._contents.content(tx, source_id) or SourceContent({})
            await self._contents.keep(tx, source_id, SourceContent(content.config, body), new_salt())
            await self._archives.drop(tx, source_id)
        return AS_DOCUMENT

    async def _missing(
        self, context: Context, parent_id: UUID, group: list[ArchivedFile]
    ) -> list[ArchivedFile]:
        """Those that no earlier attempt has made."""
        async with self._store.transaction(context.scope) as tx:
            known = await self._rows.known(tx, [child_id(parent_id, file.path) for file in group])
        return [file for file in group if child_id(parent_id, file.path) not in known]

    async def _make(self, context: Context, parent_id: UUID, version: int, unpacked: Unpacked) -> bool:
        """False if the version was cancelled or the parent deactivated; then nothing is made."""
        try:
            self._given.check_disk()
        except DiskFull as full:
            raise NoRoom(full.detail, retry_after=DISK_AGAIN) from full
        async with self._store.transaction(context.scope) as tx:
            parent, _ = await self._sources.load(tx, parent_id)
            if not parent.active or parent.bot_id is None or not source.is_current(parent, version):
                return False
            known = await self._rows.known(tx, [one[0] for one in unpacked])
            missing = [
                one for one in unpacked if one[0] not in known
            ]  # somebody else may have had the work meanwhile
            await self._check_quotas(tx, len(missing))
            for source_id, file, body in missing:
                settings = source.Settings(file.path[-intake.MAX_NAME :])
                wanted = source.Create(source_id, parent.bot_id, "upload", settings, parent_id, parent)
                new = of_file(wanted, _config(file), body, body)
                await self._sources.create(tx, context, new.command, new.content, new.salt)
                await self._sources.request(tx, context, source_id)
        return True

    async def _check_quotas(self, tx: Transaction, more: int) -> None:
        try:
            await self._sources.quotas.check_sources(tx, more)
            await self._sources.quotas.check_queue(tx, more)
        except TooManySources as full:
            raise LastingFailure(
                full.code, f"Not all files could be taken out of the archive. {full.detail}"
            ) from full
        except TooManyQueued as full:
            raise QueueFull(full.detail, retry_after=QUEUE_AGAIN) from full

    async def _complete(
        self, context: Context, source_id: UUID, version: int, skipped: list[SkippedFile] | None
    ) -> source.Complete:
        """Forgets the archive, which its children have now, and tells what was left out of it."""
        async with self._store.transaction(context.scope) as tx:
            found = await self._rows.get(tx, source_id)
            children = 0 if found is None else found.children_count
            if children == 0:
                raise LastingFailure("empty_document", NOTHING)
            if skipped is not None:
                await self._contents.note(tx, source_id, _told(skipped))
                await self._archives.drop(tx, source_id)
        return source.Complete(version, 0, 0, document_count=children)


def child_id(parent_id: UUID, path: str) -> UUID:
    """The same for the same file of the same archive."""
    return derived_id("archived-file", parent_id, path)


def _config(file: ArchivedFile) -> dict[str, Any]:
    filename = file.path.rsplit("/", 1)[-1]
    return intake.file_config(filename, file.size) | {"archive_path": file.path}


def _told(skipped: list[SkippedFile]) -> dict[str, object]:
    named = [{"path": file.path[:TOLD_PATH], "reason": file.reason} for file in skipped[:TOLD]]
    return {"skipped_count": len(skipped), "skipped": named}


def _groups(files: Iterable[ArchivedFile]) -> Iterator[list[ArchivedFile]]:
    group: list[ArchivedFile] = []
    for file in files:
        if group and (len(group) == FILES or sum(one.size for one in group) + file.size > BYTES):
            yield group
            group = []
        group.append(file)
    if group:
        yield group


async def _read(
    archive: OpenArchive, parent_id: UUID, files: list[ArchivedFile], skipped: list[SkippedFile]
) -> AsyncIterator[tuple[UUID, ArchivedFile, bytes]]:
    for file in files:
        body = await archive.read(file)
        if body is None:
            skipped.append(SkippedFile(file.path, "it is damaged"))
        else:
            yield child_id(parent_id, file.path), file, body
