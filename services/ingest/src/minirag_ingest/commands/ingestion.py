"""Working on versions: attempts, and how they end. The outcome of a version is recorded once."""

import logging
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.errors import Unavailable
from minirag_eventstore import EventStore, Postpone, Transaction, WorkItem

from minirag_ingest.commands.leftovers import Leftovers
from minirag_ingest.commands.making import Making
from minirag_ingest.commands.progress import Meter, Meters
from minirag_ingest.commands.schedules import Schedules
from minirag_ingest.commands.versioned_work import (
    CRAWL_KIND,
    context_of,
    refused_for,
    source_id_of,
    version_of,
)
from minirag_ingest.domain import source
from minirag_ingest.ports import (
    WORKING_FOR,
    Busy,
    ContentRows,
    LastingFailure,
    SourceRows,
    Target,
    TemporaryFailure,
)

log = logging.getLogger(__name__)

OWNER_AWAY = timedelta(seconds=2)
"""How long to wait for retrieval when it does not answer; that it is away is no failure of the source."""
SPREAD = 1.25
"""How much longer than asked for we may wait, so that not all come back at the same moment."""
PATIENCE = timedelta(hours=1)
"""How long a server may go on asking us to come back later."""
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


class Outcomes:
    """How versions ended."""

    def __init__(
        self, rows: SourceRows, contents: ContentRows, leftovers: Leftovers, schedules: Schedules
    ) -> None:
        self._rows = rows
        self._contents = contents
        self._leftovers = leftovers
        self._schedules = schedules

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
        await self._leftovers.clear(tx, [source_id])


class Ingestion:
    """Work of the kind ``ingestion``; its key names source and version, so that a version is made once."""

    def __init__(
        self, store: EventStore, outcomes: Outcomes, making: Making, meters: Meters, attempts: int
    ) -> None:
        self._store = store
        self._outcomes = outcomes
        self._making = making
        self._meters = meters
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
        WORKING_FOR.set(item.tenant_id)
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
            if failure.retry_after is None and item.tries < self._attempts:
                raise
            if failure.retry_after is not None and await refused_for(self._store, item) < PATIENCE:
                raise Postpone(failure.retry_after, str(failure)) from failure
            sentence = _tried(str(failure), item.tries)
            return source.Fail(version_of(item), failure.code, sentence, item.tries)

    async def give_up(self, tx: Transaction, item: WorkItem, error: str) -> None:
        """What we did not expect kept happening: the source must not stay in ``processing``."""
        log.error("an ingestion was given up", extra={"source_id": item.payload["source_id"], "error": error})
        await self._outcomes.record(
            tx, item, source.Fail(version_of(item), "internal_error", OUR_FAULT, item.tries)
        )

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
        if self._archives is not None and self._archives.concerns(state):
            meter = self._meters.of(item.scope, target)
            unpacked = await self._archives.unpack(context_of(item), source_id, state, meter)
            if not isinstance(unpacked, AsDocument):
                return unpacked
        return await self._making.make(item, target, state)

    async def _hand_over(self, item: WorkItem) -> None:
        async with self._store.transaction(item.scope) as tx:
            await tx.add_work(CRAWL_KIND, item.key, payload=item.payload)
            await item.finish(tx)

    async def _end(self, item: WorkItem, outcome: source.Outcome | None) -> None:
        """Outcome and end of the work in one transaction: LeaseLost undoes both."""
        async with self._store.transaction(item.scope) as tx:
            if outcome is not None:
                await self._outcomes.record(tx, item, outcome)
            await item.finish(tx)


def _tried(sentence: str, attempts: int) -> str:
    return sentence if attempts == 1 else f"{sentence} It was tried {attempts} times."
