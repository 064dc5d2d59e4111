"""Making a version: read, chunk, index, activate. Every step may be repeated, and the outcome is recorded once."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Protocol
from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.envelope import Envelope
from minirag_contracts.errors import Unavailable
from minirag_contracts.requests.retrieval import Chunk
from minirag_eventstore import EventStore, Postpone, Transaction, WorkItem

from minirag_ingest.commands.progress import Meter
from minirag_ingest.commands.reading import SourceReader, in_language
from minirag_ingest.commands.schedules import Schedules
from minirag_ingest.domain import intake, source
from minirag_ingest.domain.difference import Difference, difference, passage
from minirag_ingest.domain.sizes import Sizes
from minirag_ingest.ports import (
    Busy,
    Chunker,
    ContentRows,
    Index,
    LastingFailure,
    NotModified,
    ProgressRows,
    ProgressSignal,
    SourceRows,
    StoredDocument,
    Target,
    TemporaryFailure,
)

log = logging.getLogger(__name__)

WORK_KIND = "ingestion"
CRAWL_KIND = "crawl"
"""Work that looks through a site: it mostly waits, and must not keep documents waiting. Same key, same payload."""
BATCH = 64
"""Chunks of one request to retrieval."""
MANY = 500
"""Passages whose comparison would hold the loop up; it is made beside it."""
IN_FLIGHT = 2
"""Requests to retrieval at a time, for one source."""
OWNER_AWAY = timedelta(seconds=2)
"""How long to wait for retrieval when it does not answer; that it is away is no failure of the source."""
SPREAD = 1.25
"""How much longer than asked for we may wait, so that not all come back at the same moment."""
INTERRUPTIONS = 10
"""Deaths of the process and restarts of the database that a piece of work survives; more of them are its own doing."""
PATIENCE = timedelta(hours=1)
"""How long a server may go on asking us to come back later."""
KEPT_VERSIONS = 3
"""Versions that answered whose text is kept: the visible one, and two to go back to."""
ACTIVATING = "activating"
"""Marks work that makes its version visible and can be cancelled no more."""
AWAY = "Indexing is not available at the moment; it goes on as soon as it is."
OUR_FAULT = (
    "Something went wrong on our side while this was being ingested, several times. Please try again later."
)


class AsDocument:
    """What was taken for an archive is a document, and is there to be read."""


AS_DOCUMENT = AsDocument()


class Unpacks(Protocol):
    """What takes archives apart (``commands.unpacking``)."""

    def concerns(self, state: source.Source) -> bool:
        """Whether this source is an archive."""

    async def unpack(
        self, context: Context, source_id: UUID, state: source.Source, meter: Meter
    ) -> "source.Complete | AsDocument | None":
        """Makes its children; None if the version is not wanted any more."""


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
        progress_rows: ProgressRows,
        schedules: Schedules,
        attempts: int,
    ) -> None:
        self._store = store
        self._rows = rows
        self._progress = progress
        self._progress_rows = progress_rows
        self._schedules = schedules
        self._contents = contents
        self._reader = reader
        self._chunker = chunker
        self._index = index
        self._attempts = attempts
        self._archives: Unpacks | None = None

    def unpacks(self, archives: "Unpacks") -> None:
        """With what archives are taken apart: it makes sources, which needs the runner of this."""
        self._archives = archives

    async def make(self, item: WorkItem) -> None:
        """One attempt."""
        outcome = await self.attempt(item, self._made)
        if not item.finished:  # by handing it over
            await self._end(item, outcome)

    async def attempt(
        self, item: WorkItem, made: Callable[[WorkItem], Awaitable[source.Outcome | None]]
    ) -> source.Outcome | None:
        """A lasting failure ends the version at once, a temporary one is raised until the last attempt."""
        started = datetime.now(UTC)
        try:
            return await made(item)
        except LastingFailure as failure:
            return source.Fail(version_of(item), failure.code, str(failure), item.tries)
        except Unavailable as away:
            raise Postpone(OWNER_AWAY, AWAY) from away
        except Busy as busy:
            # Not all at the same moment, and not after an hour either: whoever limits us gives us our turn some time.
            raise Postpone(busy.retry_after * random.uniform(1, SPREAD), str(busy)) from busy  # noqa: S311  # jitter
        except TemporaryFailure as failure:
            waited = started - item.created_at
            if failure.retry_after is not None and waited < PATIENCE:
                raise Postpone(failure.retry_after, str(failure)) from failure
            if item.tries < self._attempts and failure.retry_after is None:
                raise
            sentence = _tried(str(failure), item.tries)
            return source.Fail(version_of(item), failure.code, sentence, item.tries)

    async def give_up(self, tx: Transaction, item: WorkItem, error: str) -> None:
        """What we did not expect kept happening: the source must not stay in ``processing``."""
        log.error("an ingestion was given up", extra={"source_id": item.payload["source_id"], "error": error})
        await self.record(tx, item, source.Fail(version_of(item), "internal_error", OUR_FAULT, item.tries))

    async def _made(self, item: WorkItem) -> source.Outcome | None:
        """The outcome; None if the version has ended already."""
        source_id, version = source_id_of(item), version_of(item)
        async with self._store.transaction(item.scope) as tx:
            state, _ = await tx.load(source.stream_of(source_id), source.evolve, source.Source())
        if not source.is_current(state, version) or state.bot_id is None:
            return None
        if state.is_site:
            await self._hand_over(item)
            return None
        target = Target(state.bot_id, source_id, version)
        meter = Meter(self._progress, self._progress_rows, item.scope, target)
        if self._archives is not None and self._archives.concerns(state):
            unpacked = await self._archives.unpack(context_of(item), source_id, state, meter)
            if not isinstance(unpacked, AsDocument):
                return unpacked
        stored = await self._document(item, target, state, meter)
        if stored is None:
            return source.Unchanged(version)
        if state.visible and await self._contents.same_document(item.scope, target, state.visible):
            return source.Unchanged(version)
        await meter.tell("chunking")
        config = state.settings.config
        chunks = await self._chunker.chunk(in_language(stored, config), _sizes(config))
        if not chunks:
            raise LastingFailure("empty_document", "Chunking produced no output")
        embedded = await self._stage(item, target, chunks, meter)
        changed = await self._decided(item, target, state.visible, chunks)
        activated = await self._index.activate(context_of(item), target, len(chunks))
        return source.Complete(
            version, len(chunks), activated.generation, difference=changed, embedded=embedded
        )

    async def _hand_over(self, item: WorkItem) -> None:
        async with self._store.transaction(item.scope) as tx:
            await tx.add_work(CRAWL_KIND, item.key, payload=item.payload)
            await item.finish(tx)

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
            found = await self._reader.read(item.scope, state)
            if isinstance(found, NotModified):
                return None
            stored = found
        else:
            stored = await self._contents.document(item.scope, target.source_id, state.of_version)
        if stored is None:
            raise LastingFailure("version_not_kept", f"The text of version {state.of_version} is gone.")
        rules = intake.cutting_rules(state.settings.config)
        await self._contents.keep_document(item.scope, target, stored, rules)
        return stored

    async def _decided(
        self, item: WorkItem, target: Target, visible: int, chunks: Sequence[Chunk]
    ) -> Difference | None:
        """From here on the version is carried through. Answers what it changes against the visible one, if that is known."""
        passages = [passage(chunk.header, chunk.text) for chunk in chunks]
        async with self._store.transaction(item.scope) as tx:
            await item.commit_to(tx.connection, ACTIVATING)
            await self._contents.keep_passages(tx, target, passages)
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

    async def _end(self, item: WorkItem, outcome: source.Outcome | None) -> None:
        """Outcome and end of the work in one transaction: LeaseLost undoes both."""
        async with self._store.transaction(item.scope) as tx:
            if outcome is not None:
                await self.record(tx, item, outcome)
            await item.finish(tx)

    async def record(self, tx: Transaction, item: WorkItem, outcome: source.Outcome) -> None:
        """The version ends so, unless it has ended already."""
        source_id = source_id_of(item)
        stream = source.stream_of(source_id)
        await self._rows.lock(
            tx, source_id
        )  # a change of the source's settings must not undo a finished version
        state, recorded = await tx.load(stream, source.evolve, source.Source())
        payloads = source.decide(state, outcome)
        await tx.append(context_of(item), stream, recorded, payloads)
        await self._schedules.ended(tx, source_id, state, payloads)
        await self._contents.drop_fetched(tx, source_id, outcome.version)
        await self._contents.drop_documents(tx, source_id, KEPT_VERSIONS)
        await self._progress_rows.forget(tx, source_id)


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


def _sizes(config: dict[str, Any]) -> Sizes:
    """Checked when it is given; a config from before it had a meaning may say anything."""
    try:
        return Sizes.of(config)
    except ValueError as refusal:
        raise LastingFailure("invalid_source", str(refusal)) from refusal


def source_id_of(item: WorkItem) -> UUID:
    """Of which source."""
    return UUID(item.payload["source_id"])


def version_of(item: WorkItem) -> int:
    """Which version of it."""
    version: int = item.payload["version"]
    return version


def context_of(item: WorkItem) -> Context:
    """Of what follows from the work: caused by what caused the work."""
    return Context(
        actor="system:ingest",
        tenant_id=item.tenant_id,
        correlation_id=UUID(item.payload["correlation_id"]),
        causation_id=UUID(item.payload["causation_id"]),
        traceparent=item.payload["traceparent"],
    )


def _tried(sentence: str, attempts: int) -> str:
    return sentence if attempts == 1 else f"{sentence} It was tried {attempts} times."
