"""How many sources a tenant may have, and how many ingestions it may have waiting."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from minirag_eventstore import Transaction

from minirag_ingest.errors import TooManyQueued, TooManySources
from minirag_ingest.ports import SourceRows

FRESH = 5.0
"""Seconds for which a count is good enough to let somebody pass; nobody is refused without a new one."""
SOON = timedelta(seconds=30)
"""When to ask again, where the queue is full."""


@dataclass(frozen=True, slots=True)
class Most:
    """Limits of one tenant; generous, against a mistake rather than against use."""

    sources: int = 100_000
    queued: int = 50_000


@dataclass(slots=True)
class Count:
    """As of when it was counted, and what this process has let pass since."""

    value: int
    at: float = field(default_factory=time.monotonic)

    def allows(self, more: int, most: int) -> bool:
        """Whether it is fresh, and so many more are not too many."""
        return time.monotonic() - self.at < FRESH and self.value + more <= most


class Quotas:
    """Counting a tenant's sources takes a while when there are many, so a count is remembered for some seconds."""

    def __init__(self, rows: SourceRows, most: Most | None = None) -> None:
        self._rows = rows
        self._most = most or Most()
        self._sources: dict[UUID, Count] = {}
        self._queued: dict[UUID, Count] = {}

    async def check_sources(self, tx: Transaction, more: int = 1) -> None:
        """Raises TooManySources if the tenant may not have so many more."""
        most = self._most.sources
        if not await _passes(self._sources, tx, more, most, self._rows.active_count):
            raise TooManySources(
                f"A tenant may have at most {most:,} sources. Delete some that you no longer need."
            )

    async def check_queue(self, tx: Transaction, more: int = 1) -> None:
        """Raises TooManyQueued if the tenant may not have so many more ingestions waiting."""
        most = self._most.queued
        if not await _passes(self._queued, tx, more, most, self._rows.queued_count):
            raise TooManyQueued(
                f"At most {most:,} ingestions of a tenant may wait at a time. Please try again when some are done.",
                SOON.total_seconds(),
            )


async def _passes(
    counts: dict[UUID, Count],
    tx: Transaction,
    more: int,
    most: int,
    count: Callable[[Transaction], Awaitable[int]],
) -> bool:
    tenant_id = tx.scope.tenant_id
    known = counts.get(tenant_id)
    if known is None or not known.allows(more, most):
        for stale in [tenant for tenant, found in counts.items() if time.monotonic() - found.at > FRESH]:
            del counts[stale]
        known = counts[tenant_id] = Count(await count(tx))
    if known.value + more > most:
        return False
    known.value += more
    return True
