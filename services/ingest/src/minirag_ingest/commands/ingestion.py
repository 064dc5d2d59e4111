"""Making a version: read, chunk, index, activate. Every step may be repeated, and the outcome is recorded once."""

import asyncio
import logging
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.envelope import Envelope
from minirag_contracts.errors import Unavailable
from minirag_contracts.requests.retrieval import Chunk
from minirag_eventstore import EventStore, Postpone, Transaction, WorkItem

from minirag_ingest.commands.progress import Meter
from minirag_ingest.commands.reading import SourceReader
from minirag_ingest.domain import source
from minirag_ingest.ports import (
    WORKING_FOR,
    Busy,
    Chunker,
    ContentRows,
    Index,
    LastingFailure,
    ProgressSignal,
    SourceRows,
    Target,
    TemporaryFailure,
)

log = logging.getLogger(__name__)

WORK_KIND = "ingestion"
BATCH = 64
"""Chunks of one request to retrieval."""
IN_FLIGHT = 2
"""Requests to retrieval at a time, for one source."""
OWNER_AWAY = timedelta(seconds=2)
"""How long to wait for retrieval when it does not answer; that it is away is no failure of the source."""
SPREAD = 1.25
PATIENCE = timedelta(hours=1)
"""How long a server may go on asking us to come back later."""
KEPT_VERSIONS = 2
"""Versions whose text is kept, the current one included."""
OUR_FAULT = (
    "Something went wrong on our side while this was being ingested, several times. Please try again later."
)


class Ingestion:
    """Work of the kind ``ingestion``; its key names source and version, so that a version is made once."""

    def __init__(
        self,
        store: EventStore,
        rows: SourceRows,
        contents: ContentRows,
        reader: SourceReader,
        chunker: Chunker,
        index: Index,
        progress: ProgressSignal,
        attempts: int,
    ) -> None:
        self._store = store
        self._rows = rows
        self._progress = progress
        self._contents = contents
        self._reader = reader
        self._chunker = chunker
        self._index = index
        self._attempts = attempts

    async def make(self, item: WorkItem) -> None:
        """One attempt. A lasting failure ends the version at once, a temporary one is raised until the last attempt."""
        started = datetime.now(UTC)
        WORKING_FOR.set(item.tenant_id)
        try:
            outcome = await self._made(item)
        except LastingFailure as failure:
            outcome = source.Fail(_version(item), failure.code, str(failure))
        except Unavailable as away:
            raise Postpone(OWNER_AWAY, type(away).__name__) from away
        except Busy as busy:
            # Not all at the same moment, and not after an hour either: whoever limits us gives us our turn some time.
            raise Postpone(busy.retry_after * random.uniform(1, SPREAD), "busy") from busy  # noqa: S311  # jitter
        except TemporaryFailure as failure:
            waited = started - item.created_at
            if failure.retry_after is not None and waited < PATIENCE:
                raise Postpone(failure.retry_after, failure.code) from failure
            if item.attempt < self._attempts and failure.retry_after is None:
                raise
            outcome = source.Fail(_version(item), failure.code, _tried(str(failure), item.attempt))
        await self._end(item, outcome)

    async def give_up(self, tx: Transaction, item: WorkItem, error: str) -> None:
        """What we did not expect kept happening: the source must not stay in ``processing``."""
        log.error("an ingestion was given up", extra={"source_id": item.payload["source_id"], "error": error})
        await self._record(tx, item, source.Fail(_version(item), "internal_error", OUR_FAULT))

    async def _made(self, item: WorkItem) -> source.Complete | source.Fail | None:
        """The outcome; None if the version has ended already."""
        source_id, version = _source_id(item), _version(item)
        async with self._store.transaction(item.scope) as tx:
            state, _ = await tx.load(source.stream_of(source_id), source.evolve, source.Source())
        if not source.is_current(state, version) or state.bot_id is None:
            return None
        target = Target(state.bot_id, source_id, version)
        meter = Meter(self._progress, item.scope, target)
        stored = await self._contents.document(item.scope, target)
        if stored is None:
            await meter.tell("reading")
            stored = await self._reader.read(item.scope, state)
            await self._contents.keep_document(item.scope, target, stored)
        await meter.tell("chunking")
        chunks = await self._chunker.chunk(stored)
        if not chunks:
            raise LastingFailure("empty_document", "Chunking produced no output")
        await self._stage(item, target, chunks, meter)
        activated = await self._index.activate(_context(item), target, len(chunks))
        return source.Complete(version, len(chunks), activated.generation)

    async def _stage(self, item: WorkItem, target: Target, chunks: Sequence[Chunk], meter: Meter) -> None:
        """All batches, a few at a time; the first failure stops the others."""
        remaining = iter(chunks)
        context = _context(item)
        done = 0
        await meter.tell("indexing", done, len(chunks))

        async def lane() -> None:
            nonlocal done
            while batch := list(islice(remaining, BATCH)):
                await self._index.stage(context, target, batch)
                done += len(batch)
                await meter.tell("indexing", done, len(chunks))

        tasks = [asyncio.ensure_future(lane()) for _ in range(IN_FLIGHT)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _end(self, item: WorkItem, outcome: source.Complete | source.Fail | None) -> None:
        """Outcome and end of the work in one transaction: LeaseLost undoes both."""
        async with self._store.transaction(item.scope) as tx:
            if outcome is not None:
                await self._record(tx, item, outcome)
            await item.finish(tx)

    async def _record(self, tx: Transaction, item: WorkItem, outcome: source.Complete | source.Fail) -> None:
        source_id = _source_id(item)
        stream = source.stream_of(source_id)
        await self._rows.lock(
            tx, source_id
        )  # a change of the source's settings must not undo a finished version
        state, recorded = await tx.load(stream, source.evolve, source.Source())
        await tx.append(_context(item), stream, recorded, source.decide(state, outcome))
        await self._contents.drop_documents(tx, source_id, outcome.version - KEPT_VERSIONS + 1)


def work_key(source_id: UUID, version: int) -> str:
    """One piece of work for each version."""
    return f"{source_id}:{version}"


def work_payload(source_id: UUID, version: int, cause: Envelope) -> dict[str, Any]:
    """What the work row keeps: what to make, and what caused it."""
    return {
        "source_id": str(source_id),
        "version": version,
        "correlation_id": str(cause.metadata.correlation_id),
        "causation_id": str(cause.event_id),
        "traceparent": cause.metadata.traceparent,
    }


def _source_id(item: WorkItem) -> UUID:
    return UUID(item.payload["source_id"])


def _version(item: WorkItem) -> int:
    version: int = item.payload["version"]
    return version


def _context(item: WorkItem) -> Context:
    return Context(
        actor="system:ingest",
        tenant_id=item.tenant_id,
        correlation_id=UUID(item.payload["correlation_id"]),
        causation_id=UUID(item.payload["causation_id"]),
        traceparent=item.payload["traceparent"],
    )


def _tried(sentence: str, attempts: int) -> str:
    return sentence if attempts == 1 else f"{sentence} It was tried {attempts} times."
