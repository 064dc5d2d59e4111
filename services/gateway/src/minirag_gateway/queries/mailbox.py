"""What has arrived for one subscriber and was not sent yet: never more than a page of each owner."""

import asyncio
from collections import OrderedDict, deque
from uuid import UUID

from minirag_contracts.signals import Progress

from minirag_gateway.ports import EventPage

MOST_PROGRESS = 1000
"""Sources whose latest progress is kept; the oldest are forgotten first, the next report brings them back."""


class Mailbox:
    """Filled by one reader for each owner, emptied by one stream. Readers wait until what they brought was sent."""

    def __init__(self) -> None:
        self._pages: deque[tuple[EventPage, asyncio.Event]] = deque()
        self._progress: OrderedDict[UUID, Progress] = OrderedDict()
        self._arrived = asyncio.Event()
        self._sending: asyncio.Event | None = None
        self._failure: BaseException | None = None
        self._closed = False

    def is_closed(self) -> bool:
        """Whether the stream is to end."""
        return self._closed

    async def put(self, page: EventPage) -> None:
        """Hands a page over; returns when all of it was sent, so that a slow subscriber slows its readers down."""
        sent = asyncio.Event()
        self._pages.append((page, sent))
        self._arrived.set()
        await sent.wait()

    def tell(self, progress: Progress) -> None:
        """Keeps the latest report of a source."""
        self._progress.pop(progress.source_id, None)
        self._progress[progress.source_id] = progress
        if len(self._progress) > MOST_PROGRESS:
            self._progress.popitem(last=False)
        self._arrived.set()

    def close(self, failure: BaseException | None = None) -> None:
        """Ends the stream: orderly, or with what went wrong."""
        self._closed = True
        self._failure = self._failure or failure
        self._arrived.set()

    async def next(self, timeout: float) -> EventPage | Progress | None:
        """What is to be sent next; None after so many seconds of silence, or once it is closed. Asking again means that the
        last page was sent. Raises what it was closed with.
        """
        if self._sending is not None:
            self._sending.set()
            self._sending = None
        if not (self._closed or self._pages or self._progress):
            self._arrived.clear()
            try:
                async with asyncio.timeout(timeout):
                    await self._arrived.wait()
            except TimeoutError:
                return None
        return self._take()

    def _take(self) -> EventPage | Progress | None:
        if self._failure is not None:
            raise self._failure
        if self._closed:
            return None
        if self._pages:
            page, self._sending = self._pages.popleft()
            return page
        return self._progress.popitem(last=False)[1] if self._progress else None
