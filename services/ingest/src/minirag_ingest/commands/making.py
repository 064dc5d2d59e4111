"""Making a version visible: read, chunk, index, activate. Every step may be repeated."""

import asyncio
from collections.abc import Sequence
from itertools import islice
from typing import Any

from minirag_contracts.requests.retrieval import Chunk
from minirag_eventstore import EventStore, WorkItem

from minirag_ingest.commands.progress import Meter, Meters
from minirag_ingest.commands.reading import SourceReader, in_language
from minirag_ingest.commands.versioned_work import ACTIVATING, context_of
from minirag_ingest.domain import intake, source
from minirag_ingest.domain.difference import Difference, difference, passage
from minirag_ingest.domain.sizes import Sizes
from minirag_ingest.ports import (
    Chunker,
    ContentRows,
    Index,
    LastingFailure,
    NotModified,
    StoredDocument,
    Target,
)

BATCH = 64
"""Chunks of one request to retrieval."""
IN_FLIGHT = 2
"""Requests to retrieval at a time, for one source."""
MANY = 500
"""Passages whose comparison would hold the loop up; it is made beside it."""


class Making:
    """A version of a source that is a document."""

    def __init__(
        self,
        store: EventStore,
        contents: ContentRows,
        reader: SourceReader,
        chunker: Chunker,
        index: Index,
        meters: Meters,
    ) -> None:
        self._store = store
        self._contents = contents
        self._reader = reader
        self._chunker = chunker
        self._index = index
        self._meters = meters

    async def make(self, item: WorkItem, target: Target, state: source.Source) -> source.Outcome:
        """Raises what its steps raise."""
        meter = self._meters.of(item.scope, target)
        stored = await self._document(item, target, state, meter)
        if stored is None:
            return source.Unchanged(target.version)
        config = state.settings.config
        rules = intake.cutting_rules(config)
        if state.visible and await self._contents.same_document(item.scope, target, state.visible, rules):
            return source.Unchanged(target.version)
        await meter.tell("chunking")
        chunks = await self._chunker.chunk(in_language(stored, config), _sizes(config))
        if not chunks:
            raise LastingFailure("empty_document", "Chunking produced no output")
        embedded = await self._stage(item, target, chunks, meter)
        changed = await self._decided(item, target, state.visible, chunks, rules)
        activated = await self._index.activate(context_of(item), target, len(chunks))
        return source.Complete(
            target.version, len(chunks), activated.generation, difference=changed, embedded=embedded
        )

    async def _document(
        self, item: WorkItem, target: Target, state: source.Source, meter: Meter
    ) -> StoredDocument | None:
        """What an attempt before has read; else the text of the version to go back to, or what the source says now. None:
        that is what answers already.
        """
        stored = await self._contents.document(item.scope, target.source_id, target.version)
        if stored is not None:
            return stored
        await meter.tell("reading")
        if state.of_version is None:
            found = await self._reader.read(item.scope, state, item.created_at)
            if isinstance(found, NotModified):
                return None
            stored = found
        else:
            stored = await self._contents.document(item.scope, target.source_id, state.of_version)
        if stored is None:
            raise LastingFailure("version_not_kept", f"The text of version {state.of_version} is gone.")
        await self._contents.keep_document(item, target, stored)
        return stored

    async def _decided(
        self, item: WorkItem, target: Target, visible: int, chunks: Sequence[Chunk], rules: str
    ) -> Difference | None:
        """From here on the version is carried through. Answers what it changes against the visible one, if that is known."""
        passages = [passage(chunk.header, chunk.text) for chunk in chunks]
        async with self._store.transaction(item.scope) as tx:
            await item.commit_to(tx.connection, ACTIVATING)
            await self._contents.keep_passages(tx, target, passages, rules)
            before = await self._contents.passages(tx, target.source_id, visible) if visible else []
        if before is None:
            return None
        if len(passages) + len(before) > MANY:
            return await asyncio.to_thread(difference, before, passages)
        return difference(before, passages)

    async def _stage(self, item: WorkItem, target: Target, chunks: Sequence[Chunk], meter: Meter) -> int:
        """All batches, a few at a time; the first failure stops the others. Answers how many chunks were embedded."""
        remaining = iter(chunks)
        context = context_of(item)
        done = embedded = 0
        await meter.tell("indexing", done, len(chunks))

        async def lane() -> None:
            nonlocal done, embedded
            while batch := list(islice(remaining, BATCH)):
                new = await self._index.stage(context, target, batch)
                embedded += new  # not in one step with the await: another lane counts meanwhile
                done += len(batch)
                await meter.tell("indexing", done, len(chunks))

        tasks = [asyncio.ensure_future(lane()) for _ in range(IN_FLIGHT)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return embedded


def _sizes(config: dict[str, Any]) -> Sizes:
    """Checked when it is given; a config from before it had a meaning may say anything."""
    try:
        return Sizes.of(config)
    except ValueError as refusal:
        raise LastingFailure("invalid_source", str(refusal)) from refusal
