"""Retrieval over the bus."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from http import HTTPStatus
from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.errors import RemoteRefusal
from minirag_contracts.requests.retrieval import (
    Activated,
    ActivateVersion,
    Chunk,
    ChunksStaged,
    Hidden,
    HideSource,
    HideSources,
    StageChunks,
)
from minirag_messaging import Bus

from minirag_ingest.ports import Busy, LastingFailure, Target, TemporaryFailure

INCOMPLETE = "incomplete_version"
HIDDEN = "source_hidden"
HIDDEN_AT_ONCE = 100
"""Sources of one request to hide."""
SOON = 2.0
"""Seconds to wait where nobody says how long."""
AGAIN = "Indexing did not succeed."


class BusIndex:
    """The port Index."""

    def __init__(self, bus: Bus, deadline: timedelta) -> None:
        self._bus = bus
        self._seconds = deadline.total_seconds()

    async def stage(self, context: Context, target: Target, chunks: Sequence[Chunk]) -> int:
        """One batch, embedded and stored."""
        request = StageChunks(
            bot_id=target.bot_id, source_id=target.source_id, version=target.version, chunks=list(chunks)
        )
        try:
            staged = await self._bus.request(request, ChunksStaged, context, timeout=self._seconds)
        except RemoteRefusal as refusal:
            raise _failure(refusal) from refusal
        return staged.embedded

    async def activate(self, context: Context, target: Target, chunk_count: int) -> Activated:
        """The version becomes visible."""
        request = ActivateVersion(
            bot_id=target.bot_id, source_id=target.source_id, version=target.version, chunk_count=chunk_count
        )
        try:
            return await self._bus.request(request, Activated, context, timeout=self._seconds)
        except RemoteRefusal as refusal:
            raise _failure(refusal) from refusal

    async def hide(self, context: Context, bot_id: UUID, versions: Mapping[UUID, int]) -> None:
        """Some sources at a time: a site may have many pages, and each of them many chunks."""
        wanted = [HideSource(source_id=source, version=version) for source, version in versions.items()]
        for start in range(0, len(wanted), HIDDEN_AT_ONCE):
            request = HideSources(bot_id=bot_id, sources=wanted[start : start + HIDDEN_AT_ONCE])
            try:
                await self._bus.request(request, Hidden, context, timeout=self._seconds)
            except RemoteRefusal as refusal:
                raise _failure(refusal) from refusal


def _failure(refusal: RemoteRefusal) -> LastingFailure | TemporaryFailure | Busy:
    """Errors of the other side pass; what it refuses about the request will be refused again."""
    if refusal.status == HTTPStatus.TOO_MANY_REQUESTS:
        return Busy(timedelta(seconds=refusal.retry_after or SOON))
    lasting = HTTPStatus.BAD_REQUEST <= refusal.status < HTTPStatus.INTERNAL_SERVER_ERROR
    if refusal.code == INCOMPLETE or refusal.status == HTTPStatus.CONFLICT:
        lasting = False
    if refusal.code == HIDDEN:
        lasting = True
    return LastingFailure("index_refused", refusal.detail) if lasting else TemporaryFailure(AGAIN)
