"""The audit log of a tenant: its owners' logs as one list, newest first, page by page."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.requests.common import AuditedEvent, AuditRead, AuditReply
from minirag_contracts.topology import STREAM_OF
from minirag_eventstore import pages

from minirag_gateway.ports import AuditLogs

WORK = ("chat.message.*", "chat.started", "source.ingest.*", "webhook.delivery.*", "index.>")
"""What the machine does all day: left out unless it is asked for."""

Key = tuple[datetime, UUID]


@dataclass(frozen=True, slots=True)
class AuditQuestion:
    """Which entries. No ``types``: everything but ``WORK``."""

    actor: str | None = None
    types: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None


def key_of(entry: AuditedEvent) -> Key:
    """Where an entry stands in the list."""
    return entry.event.recorded_at, entry.event.event_id


def merged(replies: Sequence[AuditReply], limit: int) -> tuple[list[AuditedEvent], bool]:
    """The newest ``limit`` of what the owners answered, and whether there is more.

    Nothing older than the end of an incomplete answer is taken: what that owner has there is not known yet.
    """
    ends = [key_of(reply.entries[-1]) for reply in replies if reply.more and reply.entries]
    floor = max(ends, default=None)
    entries = sorted((entry for reply in replies for entry in reply.entries), key=key_of, reverse=True)
    known = [entry for entry in entries if floor is None or key_of(entry) >= floor]
    return known[:limit], len(known) > limit or floor is not None


class AuditLog:
    """Reads all owners at once; one that is away makes the whole list Unavailable, since it would not be true."""

    def __init__(self, logs: AuditLogs) -> None:
        self._logs = logs

    async def page(
        self, context: Context, question: AuditQuestion, cursor: str | None, limit: int
    ) -> tuple[list[AuditedEvent], str | None]:
        """A page and the cursor of the next one; InvalidRequest for a cursor that is not ours."""
        before = pages.decode(cursor)
        request = AuditRead(
            before_at=before[0] if before else None,
            before_id=before[1] if before else None,
            actor=question.actor,
            types=list(question.types),
            without=[] if question.types else list(WORK),
            since=question.since,
            until=question.until,
            limit=limit + 1,
        )
        replies = await asyncio.gather(*(self._logs.read(context, owner, request) for owner in STREAM_OF))
        entries, more = merged(replies, limit)
        return entries, pages.encode((*key_of(entries[-1]), 0)) if more and entries else None
