"""A tenant's events over the bus: asked of their owners, and heard of as they are published."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime

from minirag_contracts.cloud_events import CloudEvent
from minirag_contracts.context import Context, TenantScope
from minirag_contracts.requests.common import AuditRead, AuditReply, EventsTail, TailReply
from minirag_contracts.signals import Progress, progress_subject
from minirag_contracts.topology import STREAM_OF
from minirag_messaging import Bus

from minirag_gateway.ports import EventPage

_NOUNS = [subject.removesuffix(".>") for stream in STREAM_OF.values() for subject in stream.subjects]


class BusEvents:
    """``TenantEvents`` and ``AuditLogs`` over NATS."""

    def __init__(self, bus: Bus, timeout: float) -> None:
        self._bus = bus
        self._timeout = timeout

    async def page(
        self, context: Context, owner: str, after: int, patterns: Sequence[str], limit: int
    ) -> EventPage:
        """See the port."""
        request = EventsTail(after=after, patterns=list(patterns), limit=limit)
        reply = await self._tail(context, owner, request, self._timeout)
        events = [(event.position, CloudEvent.of(owner, event)) for event in reply.events]
        return EventPage(owner, events, reply.head, reply.more)

    async def start(self, context: Context, owner: str, since: datetime | None, timeout: float) -> int:
        """See the port."""
        return (await self._tail(context, owner, EventsTail(since=since), timeout)).head

    @asynccontextmanager
    async def woken(self, scope: TenantScope, wake: Callable[[str | None], None]) -> AsyncIterator[None]:
        """See the port."""

        async def again() -> None:
            wake(None)

        subjects = [
            f"{noun}{rest}.{scope.tenant_id}" for noun in _NOUNS for rest in (".*", ".*.*")
        ]  # types have two or three tokens
        unsubscribed = self._bus.on_reconnect(again)
        try:
            async with self._bus.live_events(subjects, lambda event: wake(event.service)):
                yield
        finally:
            unsubscribed()

    def progress(
        self, scope: TenantScope, take: Callable[[Progress], None]
    ) -> AbstractAsyncContextManager[None]:
        """See the port."""
        subject = progress_subject(scope.tenant_id)
        return self._bus.signals(subject, Progress, lambda _, signal: take(signal))

    async def read(self, context: Context, owner: str, question: AuditRead) -> AuditReply:
        """See the port."""
        return await self._bus.ask(
            owner, "audit.read", question, AuditReply, context.within(self._timeout), self._timeout
        )

    async def _tail(self, context: Context, owner: str, request: EventsTail, timeout: float) -> TailReply:
        return await self._bus.ask(owner, "events.tail", request, TailReply, context.within(timeout), timeout)
