"""Sources as aggregates, for the commands: loaded under a lock, appended with their content and the work that follows."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.envelope import Envelope
from minirag_contracts.events import EventPayload
from minirag_contracts.events.ingest import (
    IngestCancelled,
    IngestRequested,
    SourceActivated,
    SourceDeactivated,
    SourceUpdated,
)
from minirag_contracts.requests.ingest import SourceRead
from minirag_eventstore import Transaction

from minirag_ingest.commands.leftovers import Leftovers
from minirag_ingest.commands.quotas import Quotas
from minirag_ingest.commands.schedules import Schedules
from minirag_ingest.commands.versioned_work import ACTIVATING, CRAWL_KIND, WORK_KIND, work_key, work_payload
from minirag_ingest.domain import source
from minirag_ingest.errors import BotUnknown, SourceNotFound
from minirag_ingest.ports import Bots, ContentRows, Runner, SourceContent, SourceRows

RESCHEDULING = (SourceUpdated, SourceActivated, SourceDeactivated)
"""After these a source may have another schedule, or none."""


class Sources:
    """What every command of sources does."""

    def __init__(
        self,
        rows: SourceRows,
        contents: ContentRows,
        bots: Bots,
        runner: Runner,
        schedules: Schedules,
        quotas: Quotas,
        leftovers: Leftovers,
    ) -> None:
        self.quotas = quotas
        self._leftovers = leftovers
        self._rows = rows
        self._contents = contents
        self._bots = bots
        self._runner = runner
        self._schedules = schedules

    async def check_bot(self, context: Context, bot_id: UUID) -> None:
        """Raises BotUnknown unless it is an active bot of the tenant."""
        if not await self._bots.is_active(context, bot_id):
            raise BotUnknown

    async def load(self, tx: Transaction, source_id: UUID) -> tuple[source.Source, int]:
        """State and version. Nobody else changes the source meanwhile, so a command over many does not start again
        because one of them has moved.
        """
        await self._rows.lock(tx, source_id)
        return await tx.load(source.stream_of(source_id), source.evolve, source.Source())

    async def load_children(
        self, tx: Transaction, parent_id: UUID, *, active: bool = True
    ) -> list[tuple[UUID, source.Source, int]]:
        """Id, state and version of the active children, or else of those that went with their parent; also locked."""
        ids = await self._rows.lock_children(tx, parent_id, active=active)
        streams = [source.stream_of(child_id) for child_id in ids]
        loaded = await tx.load_many(streams, source.evolve, source.Source())
        return [(child_id, *state) for child_id, state in zip(ids, loaded, strict=True)]

    async def create(
        self, tx: Transaction, context: Context, command: source.Create, content: SourceContent, salt: bytes
    ) -> None:
        """A new source and what was given for it. Its parent is loaded, unless the command has it already, as loaded here."""
        if command.parent_id is not None and command.parent is None:
            parent, _ = await self.load(tx, command.parent_id)
            command = replace(command, parent=parent)
        await tx.append(
            context,
            source.stream_of(command.source_id),
            0,
            source.decide(source.Source(), command),
        )
        await self._contents.keep(tx, command.source_id, content, salt)
        if command.settings.refresh_schedule is not None:
            await self._schedules.follow(tx, command.source_id)

    async def append(
        self,
        tx: Transaction,
        context: Context,
        source_id: UUID,
        recorded: int,
        payloads: Sequence[EventPayload],
    ) -> list[Envelope]:
        """The events, the work to make a version that they ask for, and the next refresh as they leave it."""
        events = await tx.append(context, source.stream_of(source_id), recorded, payloads)
        for payload, event in zip(payloads, events, strict=True):
            if isinstance(payload, IngestRequested):
                work = work_payload(source_id, payload.version, event)
                await self._runner.add(tx, work_key(source_id, payload.version), work)
        if any(isinstance(payload, RESCHEDULING) for payload in payloads):
            await self._schedules.follow(tx, source_id)
        return events

    async def drop_work(self, tx: Transaction, payloads: Sequence[EventPayload]) -> None:
        """No more work for the versions that these events cancel, and nothing that was fetched for it."""
        ended = [payload for payload in payloads if isinstance(payload, IngestCancelled)]
        if ended:
            keys = [work_key(payload.source_id, payload.version) for payload in ended]
            await tx.drop_work(WORK_KIND, *keys)
            await tx.drop_work(CRAWL_KIND, *keys)
            await self._cancelled(tx, [payload.source_id for payload in ended])

    async def remove(
        self, tx: Transaction, context: Context, source_id: UUID, loaded: tuple[source.Source, int]
    ) -> bool:
        """Deactivates a source that has no children; whether it was active. Hiding it is up to the caller."""
        state, recorded = loaded
        payloads = source.decide(state, source.Deactivate())
        await self.append(tx, context, source_id, recorded, payloads)
        await self.drop_work(tx, payloads)
        return bool(payloads)

    async def cancel(
        self, tx: Transaction, context: Context, source_id: UUID, loaded: tuple[source.Source, int]
    ) -> bool:
        """Ends the version that is being made, unless it is becoming visible already; says whether it did."""
        state, recorded = loaded
        key = work_key(source_id, state.version)
        taken = state.processing and (
            await tx.take_back_work(WORK_KIND, key, ACTIVATING)
            or await tx.take_back_work(CRAWL_KIND, key, ACTIVATING)
        )
        if taken:
            await self.append(tx, context, source_id, recorded, source.decide(state, source.Cancel()))
            await self._cancelled(tx, [source_id])
        return taken

    async def _cancelled(self, tx: Transaction, source_ids: Sequence[UUID]) -> None:
        await self._contents.forget_fetched(tx, source_ids)
        await self._leftovers.clear(tx, source_ids)

    async def request(self, tx: Transaction, context: Context, source_id: UUID) -> int:
        """Asks for the next version, and answers which one that is."""
        state, recorded = await self.load(tx, source_id)
        await self.append(tx, context, source_id, recorded, source.decide(state, source.Ingest()))
        return state.version + 1

    async def read(self, tx: Transaction, source_id: UUID) -> SourceRead:
        """As clients see it."""
        found = await self._rows.get(tx, source_id)
        if found is None:
            raise SourceNotFound
        return found
