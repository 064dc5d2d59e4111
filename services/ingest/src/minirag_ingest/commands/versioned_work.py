"""The work of making a version: one piece for each, named after source and version."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.envelope import Envelope
from minirag_eventstore import EventStore, WorkItem

WORK_KIND = "ingestion"
CRAWL_KIND = "crawl"
"""Work that looks through a site: it mostly waits, and must not keep documents waiting. Same key, same payload."""
INTERRUPTIONS = 10
"""Deaths of the process and restarts of the database that a piece of work survives; more of them are its own doing."""
REFUSED_AT = "refused_at"
"""Since when the other side has been asking to come back later."""
ACTIVATING = "activating"
"""Marks work that makes its version visible and can be cancelled no more."""


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


async def refused_for(store: EventStore, item: WorkItem) -> timedelta:
    """How long ago the other side has first asked this work to come back later: now, if it never did."""
    now = datetime.now(UTC)
    if REFUSED_AT not in item.payload:
        async with store.transaction(item.scope) as tx:
            await item.note(tx.connection, **{REFUSED_AT: now.isoformat()})
    return now - datetime.fromisoformat(item.payload[REFUSED_AT])
