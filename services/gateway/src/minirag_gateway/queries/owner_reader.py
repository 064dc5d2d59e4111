"""Reads one tenant's events of one owner, on and on: when the bus says so, and every few seconds whatever it says."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from minirag_contracts.context import Context
from minirag_contracts.errors import Refusal

from minirag_gateway.domain.event_cursor import Place
from minirag_gateway.ports import EventPage, TenantEvents
from minirag_gateway.queries.mailbox import Mailbox

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: the shortest time between two looks at one owner, the longest, the pause after one that failed, and how long a
    new stream waits for an owner; events of one page.
    """

    shortest: float = 0.03
    longest: float = 5.0
    pause: float = 0.5
    patience: float = 1.0
    page: int = 100


class OwnerReader:
    """Brings page after page to a mailbox. An owner that is away is asked again until it is back."""

    def __init__(
        self,
        events: TenantEvents,
        context: Context,
        owner: str,
        place: Place,
        patterns: Sequence[str],
        mailbox: Mailbox,
        pace: Pace,
    ) -> None:
        self._events = events
        self._context = context
        self._owner = owner
        self._place = place
        self._patterns = patterns
        self._mailbox = mailbox
        self._pace = pace
        self._woken = asyncio.Event()
        self._away = False

    def wake(self) -> None:
        """There may be something new."""
        self._woken.set()

    async def run(self) -> None:
        """For as long as the stream."""
        while True:
            self._woken.clear()
            began = time.monotonic()
            try:
                page = await self._look()
            except Refusal as refusal:
                self._note(refusal)
                await asyncio.sleep(self._pace.pause)
                continue
            self._note(None)
            if page.events or page.head != self._place:
                self._place = page.head
                await self._mailbox.put(page)
            if not page.more:
                await self._rest()
            await asyncio.sleep(max(0.0, began + self._pace.shortest - time.monotonic()))

    async def _look(self) -> EventPage:
        if isinstance(self._place, int):
            return await self._events.page(
                self._context, self._owner, self._place, self._patterns, self._pace.page
            )
        since, timeout = self._place, self._pace.patience
        start = await self._events.start(self._context, self._owner, since, timeout)
        return EventPage(self._owner, [], start, more=True)

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(self._pace.longest):
                await self._woken.wait()
        except TimeoutError:
            return

    def _note(self, refusal: Refusal | None) -> None:
        if refusal is not None and not self._away:
            logger.warning("an owner's events wait", extra={"owner": self._owner, "code": refusal.code})
        self._away = refusal is not None
