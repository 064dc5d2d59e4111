"""Uploads that go on after a break: begun, continued on any gateway, made into a source once."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import ClassVar, Protocol
from uuid import UUID

from minirag_contracts.context import Context, TenantScope
from minirag_contracts.errors import Refusal, Unavailable
from minirag_contracts.ids import derived_id, new_id
from minirag_contracts.requests import Reply, Request
from minirag_eventstore import Connection, Postpone, Transaction, WorkItem

from minirag_gateway.domain.upload import Refused, Upload, UploadStatus
from minirag_gateway.errors import OffsetConflict, StorageLow, TooManyUploads, UploadBeingMade, UploadNotFound
from minirag_gateway.ports import Handover, NewUpload, Store, UploadRows

logger = logging.getLogger(__name__)

WORK_KIND = "upload"

AGAIN = timedelta(seconds=2)
"""How long to wait for an ingest that is away."""

NO_ROOM = timedelta(minutes=1)
"""How long to wait for room on the disk, or in the queue of ingest."""

OUR_FAULT = Refused(
    500, "internal_error", "Something went wrong on our side, several times. Please upload the file again."
)


class UploadRead(Reply):
    """An upload as clients see it. `open` until all bytes are there, then `making`, then `ready` with its source, or `failed`."""

    id: UUID
    bot_profile_id: UUID
    parent_id: UUID | None
    name: str
    description: str
    filename: str
    length: int
    offset: int
    status: UploadStatus
    source_id: UUID | None
    code: str | None
    error: str | None
    created_at: datetime
    expires_at: datetime


class StartUpload(Request):
    """A file of so many bytes will come."""

    service: ClassVar[str] = "gateway"
    verb: ClassVar[str] = "uploads.start"
    Returns: ClassVar[type[Reply]] = UploadRead

    bot_id: UUID
    parent_id: UUID | None
    name: str
    description: str
    filename: str
    metadata: str
    length: int


class Runner(Protocol):
    """Runs leased work."""

    async def add(self, transaction: Transaction, key: str) -> None:
        """A piece that exists if the transaction commits."""


class ResumableUploads:
    """The commands of uploads."""

    def __init__(self, store: Store, rows: UploadRows, runner: Runner, most: int) -> None:
        self._store = store
        self._rows = rows
        self._runner = runner
        self._most = most

    async def start(self, context: Context, request: StartUpload) -> UploadRead:
        """Raises TooManyUploads."""
        new = NewUpload(new_id(), context.actor, context.via, **request.model_dump())

        async def action(tx: Transaction) -> UploadRead:
            await self._rows.lock_open(tx)
            if await self._rows.count_open(tx.connection) >= self._most:
                raise TooManyUploads(
                    f"There are {self._most} unfinished uploads already, as many as there may be. "
                    "Please finish or end one."
                )
            await self._rows.add(tx, new)
            return read_of(await self._found(tx.connection, new.upload_id))

        return await self._store.execute(context, request, action)

    async def get(self, scope: TenantScope, upload_id: UUID) -> Upload:
        """Raises UploadNotFound, for one that has expired and for a foreign one as well."""
        async with self._store.reading(scope) as connection:
            return await self._found(connection, upload_id)

    async def list(
        self, scope: TenantScope, limit: int, cursor: str | None
    ) -> tuple[list[UploadRead], str | None]:
        """Newest first, those of the last day that have become a source or failed included."""
        async with self._store.reading(scope) as connection:
            found, following = await self._rows.page(connection, limit, cursor)
        return [read_of(upload) for upload in found], following

    async def open_and_most(self, scope: TenantScope) -> tuple[int, int]:
        """How many unfinished uploads the tenant has, and may have."""
        async with self._store.reading(scope) as connection:
            return await self._rows.count_open(connection), self._most

    async def append(self, scope: TenantScope, upload: Upload, at: int, data: bytes) -> int:
        """Keeps a piece that begins at this offset, and answers where the next begins. The last one brings the work to make
        a source with it. Raises OffsetConflict when somebody else has gone on from there.
        """
        end = at + len(data)
        async with self._store.transaction(scope) as tx:
            if not await self._rows.append(tx, upload.upload_id, at, data):
                raise OffsetConflict
            if end == upload.length:
                await self._runner.add(tx, str(upload.upload_id))
        return end

    async def remove(self, scope: TenantScope, upload_id: UUID) -> None:
        """Forgets it and its bytes; a source that was made of it stays. Raises UploadBeingMade."""
        async with self._store.transaction(scope) as tx:
            if (await self._found(tx.connection, upload_id)).status == "making":
                raise UploadBeingMade
            await self._rows.remove(tx, upload_id)

    async def _found(self, connection: Connection, upload_id: UUID) -> Upload:
        found = await self._rows.get(connection, upload_id)
        if found is None:
            raise UploadNotFound
        return found


class Making:
    """The work of the kind ``upload``: a source of a file that has come whole."""

    def __init__(
        self, store: Store, rows: UploadRows, handover: Handover, disk_is_low: Callable[[], bool]
    ) -> None:
        self._store = store
        self._rows = rows
        self._handover = handover
        self._disk_is_low = disk_is_low

    async def make(self, item: WorkItem) -> None:
        """Repeated, it is the same command to ingest, which answers with the same source."""
        upload_id = UUID(item.key)
        async with self._store.reading(item.scope) as connection:
            upload = await self._rows.get(connection, upload_id)
        if upload is None or upload.status != "making":
            await self._finish(item, _nothing)
            return
        source_id, refusal = await self._given(item.scope, upload)

        async def end(tx: Transaction) -> None:
            await self._rows.end(tx, upload_id, source_id=source_id, refusal=refusal)

        await self._finish(item, end)

    async def give_up(self, tx: Transaction, item: WorkItem, error: str) -> None:
        """What we did not expect kept happening."""
        logger.error("an upload was given up", extra={"upload_id": item.key, "error": error})
        await self._rows.end(tx, UUID(item.key), refusal=OUR_FAULT)

    async def _given(self, scope: TenantScope, upload: Upload) -> tuple[UUID | None, Refused | None]:
        if await asyncio.to_thread(self._disk_is_low):  # the transfer bucket is on it too
            raise Postpone(NO_ROOM, StorageLow.code)
        context = Context(
            actor=upload.actor,
            via=upload.via,
            tenant_id=upload.tenant_id,
            correlation_id=new_id(),
            command_id=derived_id("upload", upload.upload_id),
        )
        try:
            return await self._handover.give(context, upload, self._rows.read(scope, upload)), None
        except Unavailable as away:
            raise Postpone(AGAIN, away.code) from away
        except Refusal as refusal:
            if refusal.status in (HTTPStatus.INSUFFICIENT_STORAGE, HTTPStatus.TOO_MANY_REQUESTS):
                raise Postpone(NO_ROOM, refusal.code) from refusal
            if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR or refusal.code in _OURS:
                raise
            return None, Refused(int(refusal.status), refusal.code, refusal.detail)

    async def _finish(self, item: WorkItem, effect: Callable[[Transaction], Awaitable[None]]) -> None:
        async with self._store.transaction(item.scope) as tx:
            await effect(tx)
            await item.finish(tx)


_OURS = ("upload_incomplete", "conflict")
"""Codes of refusals that a repetition may mend: the way there was interrupted."""


async def _nothing(_: Transaction) -> None:
    return


def read_of(upload: Upload) -> UploadRead:
    """As clients see it."""
    refusal = upload.refusal
    return UploadRead(
        id=upload.upload_id,
        bot_profile_id=upload.bot_id,
        parent_id=upload.parent_id,
        name=upload.name,
        description=upload.description,
        filename=upload.filename,
        length=upload.length,
        offset=upload.received,
        status=upload.status,
        source_id=upload.source_id,
        code=None if refusal is None else refusal.code,
        error=None if refusal is None else refusal.detail,
        created_at=upload.created_at,
        expires_at=upload.expires_at,
    )
