"""Refreshing what is due: a version is asked for as if somebody had, and the next time is arranged in the same transaction."""

import logging
from datetime import timedelta
from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.errors import Unavailable
from minirag_eventstore import EventStore, Postpone, Transaction, WorkItem

from minirag_ingest.commands.aggregates import Sources
from minirag_ingest.commands.given import Given
from minirag_ingest.commands.schedules import Schedules
from minirag_ingest.domain import intake, schedule, source
from minirag_ingest.errors import BotUnknown, DiskFull
from minirag_ingest.ports import ContentRows

log = logging.getLogger(__name__)

NO_ROOM = timedelta(minutes=5)
"""How long to wait for a disk that is full."""
OWNER_AWAY = timedelta(seconds=5)
"""How long to wait for chat, when only chat knows whether a bot is active."""


class Refreshes:
    """Work of the kind ``refresh``; see ``Schedules``."""

    def __init__(
        self, store: EventStore, sources: Sources, contents: ContentRows, schedules: Schedules, given: Given
    ) -> None:
        self._store = store
        self._sources = sources
        self._contents = contents
        self._schedules = schedules
        self._given = given

    async def run(self, item: WorkItem) -> None:
        """One time has come. Nothing is asked for of a source that is being made into a version, or whose bot is deactivated."""
        source_id = UUID(item.key)
        context = Context.for_system("ingest", item.tenant_id)
        wanted = await self._bot_is_active(context, UUID(item.payload["bot_id"]))
        async with self._store.transaction(item.scope) as tx:
            state, recorded = await self._sources.load(tx, source_id)
            await item.finish(tx)
            rhythm = schedule.recall(state.settings.refresh_schedule) if state.active else None
            if rhythm is None:
                return
            container = not await self._has_something(tx, source_id, state)
            if wanted and container:
                await self._refresh_children(tx, context, source_id, item, rhythm)
            elif wanted and not state.processing:
                payloads = source.decide(state, source.Ingest("schedule"))
                await self._sources.append(tx, context, source_id, recorded, payloads)
            failures = 0 if container else state.failures
            await self._schedules.next_round(tx, source_id, item.payload, failures=failures)

    async def keep_going(self, tx: Transaction, item: WorkItem, error: str) -> None:
        """What we did not expect kept happening: the next time is another chance."""
        log.error("a refresh was given up", extra={"source_id": item.key, "error": error})
        await self._schedules.next_round(tx, UUID(item.key), item.payload)

    async def _bot_is_active(self, context: Context, bot_id: UUID) -> bool:
        """Raises Postpone while nobody can tell, or nothing can be stored."""
        try:
            self._given.check_disk()
            await self._sources.check_bot(context, bot_id)
        except BotUnknown:
            return False
        except DiskFull as full:
            raise Postpone(NO_ROOM, full.code) from full
        except Unavailable as away:
            raise Postpone(OWNER_AWAY, type(away).__name__) from away
        return True

    async def _has_something(self, tx: Transaction, source_id: UUID, state: source.Source) -> bool:
        config, has_body = await self._contents.outline(tx, source_id)
        return intake.has_something(state.source_type, config, has_body)

    async def _refresh_children(
        self, tx: Transaction, context: Context, parent_id: UUID, item: WorkItem, rhythm: schedule.Schedule
    ) -> None:
        """A parent is a folder: what it holds is refreshed, of what keeps failing less and less."""
        step = rhythm.step(self._schedules.clock())
        for child_id, child, recorded in await self._sources.load_children(tx, parent_id):
            if child.processing or item.payload["round"] % schedule.rounds(step, child.failures):
                continue
            payloads = source.decide(child, source.Ingest("schedule"))
            await self._sources.append(tx, context, child_id, recorded, payloads)
