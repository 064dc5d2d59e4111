"""The next refresh of each source that has a schedule: one piece of work, kept in step by the transactions that change it.

Its key is the source; ``due_at`` is when it is refreshed, and what clients are told. The payload says for which schedule it was
arranged, the nominal time that it is for (``at``) and the one before (``last``), and how many rounds there were.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any
from uuid import UUID

from minirag_contracts.events import EventPayload
from minirag_eventstore import EventStore, Transaction

from minirag_ingest.domain import schedule, source
from minirag_ingest.ports import RefreshRows

log = logging.getLogger(__name__)

WORK_KIND = "refresh"
AUDIT_EVERY = timedelta(minutes=10)
AUDIT_AGAIN = timedelta(seconds=5)
"""After one that failed, as when the database was away."""

Clock = Callable[[], datetime]


def now() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)


class Schedules:
    """Arranges refreshes, each under the lock of its source."""

    def __init__(self, store: EventStore, rows: RefreshRows, clock: Clock = now) -> None:
        self._store = store
        self._rows = rows
        self.clock = clock

    async def follow(self, tx: Transaction, source_id: UUID) -> None:
        """After a source was made, changed, deactivated or activated: the work is that of its schedule, or gone."""
        found = await self._rows.arranged(tx, source_id)
        if found is None or found.schedule is None:
            if found is not None and found.payload is not None:
                await tx.drop_work(WORK_KIND, str(source_id))
            return
        if found.payload is None or found.payload["schedule"] != found.schedule:
            await self._put(tx, source_id, _fresh(found.bot_id, found.schedule))

    async def ended(
        self, tx: Transaction, source_id: UUID, before: source.Source, payloads: Sequence[EventPayload]
    ) -> None:
        """After a version has ended: a source that keeps failing is refreshed later, one that has recovered as usual."""
        after = reduce(source.evolve, payloads, before)
        if after.failures == before.failures:
            return
        found = await self._rows.arranged(tx, source_id)
        if found is None or found.schedule is None:
            return
        payload = found.payload or _fresh(found.bot_id, found.schedule)
        await self._put(tx, source_id, payload, failures=after.failures)

    async def next_round(
        self, tx: Transaction, source_id: UUID, payload: Mapping[str, Any], *, failures: int = 0
    ) -> None:
        """After the time of this payload has come: the time after it, however many were missed meanwhile."""
        again = {**payload, "last": payload["at"], "round": payload["round"] + 1}
        await self._put(tx, source_id, again, failures=failures)

    async def audit(self) -> int:
        """Arranges what should be arranged and is not, as for sources from before there was a scheduler; answers how many."""
        repaired = 0
        while forgotten := await self._rows.forgotten():
            for scope, source_id in forgotten:
                async with self._store.transaction(scope) as tx:
                    await self.follow(tx, source_id)
            repaired += len(forgotten)
        if repaired:
            log.info("refreshes were arranged", extra={"sources": repaired})
        return repaired

    async def keep_complete(self) -> None:
        """Audits at the start and then now and then, until cancelled."""
        while True:
            try:
                await self.audit()
            except Exception as error:  # it is tried again by itself; without it what is arranged goes on
                log.warning(
                    "refreshes cannot be audited", extra={"error": type(error).__name__}, exc_info=error
                )
                await asyncio.sleep(AUDIT_AGAIN.total_seconds())
            else:
                await asyncio.sleep(AUDIT_EVERY.total_seconds())

    async def _put(
        self, tx: Transaction, source_id: UUID, payload: Mapping[str, Any], *, failures: int = 0
    ) -> None:
        rhythm = schedule.recall(payload["schedule"])
        if rhythm is None:
            return
        last = None if payload["last"] is None else datetime.fromisoformat(payload["last"])
        moment = self.clock()
        plan = schedule.plan(rhythm, source_id, moment, last=last, failures=failures)
        await tx.put_work(
            WORK_KIND,
            str(source_id),
            due=plan.due,
            payload={**payload, "last": (last or moment).isoformat(), "at": plan.at.isoformat()},
        )


def _fresh(bot_id: UUID, text: str) -> dict[str, Any]:
    """A rhythm that begins now."""
    return {"bot_id": str(bot_id), "schedule": text, "last": None, "round": 0}
