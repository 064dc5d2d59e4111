"""How many streams are open at a time, over all gateways, with those of a dead gateway forgotten within seconds.

Time is cut into slices. A gateway adds its open streams to the shared counter of each slice, of the next one already a
little before it begins. As open counts the higher of this slice and the one before: a gateway that is late with telling,
because its machine is busy, is not forgotten. What a dead gateway had is not in the slices after its death.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import ceil

from minirag_contracts.errors import Unavailable

from minirag_gateway.domain.limits import LOCAL_SHARE, UNLIMITED, Allowance
from minirag_gateway.ports import Counters

logger = logging.getLogger(__name__)

SLICE = 2.0
"""Seconds of a slice: the streams of a dead gateway are forgotten after ``2 * SLICE + AHEAD`` at most, and those of a gateway
that is late are counted for ``SLICE`` at least.
"""

AHEAD = 1.0
"""Seconds before a slice in which streams are announced for it; clocks of gateways may differ by less."""


@dataclass(slots=True)
class _Open:
    """One key's open streams, and what was told of them for each slice."""

    users: int = 0
    count: int = 0
    told: dict[int, int] = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class StreamsFull(Exception):
    """As many streams are open as may be; the allowance says how many."""

    def __init__(self, allowance: Allowance) -> None:
        super().__init__("too many streams")
        self.allowance = allowance


class OpenStreams:
    """The streams of this gateway. ``announce`` has to run beside them."""

    def __init__(
        self,
        counters: Counters,
        clock: Callable[[], float] = time.time,
        *,
        slice_seconds: float = SLICE,
        ahead: float = AHEAD,
    ) -> None:
        self._counters = counters
        self._clock = clock
        self._seconds = slice_seconds
        self._ahead = ahead
        self._keys: dict[str, _Open] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def opened(self, key: str, limit: int) -> AsyncIterator[Allowance]:
        """One more stream of ``key`` while it is entered; raises StreamsFull instead where ``limit`` are open.

        ``limit`` 0 is unlimited.
        """
        if limit <= 0:
            yield UNLIMITED
            return
        mine, counted = self._use(key), 0
        try:
            async with mine.lock:
                counted = 1
                mine.count += counted
                allowance = await self._admitted(key, mine, limit)
            yield allowance
        finally:
            mine.count -= counted
            # Not waited for: whoever closes may be about to be cancelled.
            task = asyncio.create_task(self._tell_all(key, mine))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def count(self, key: str) -> int:
        """How many streams of ``key`` are open on all gateways, within a slice. Raises Unavailable."""
        number = self._slice()
        return max(
            [await self._counters.add(_counter(key, each), 0, self._seconds) for each in (number - 1, number)]
        )

    async def announce(self) -> None:
        """Tells of the open streams ahead of every slice, for ever."""
        while True:
            number = self._slice()
            begins = (number + 1) * self._seconds
            await asyncio.sleep(max(0.0, begins - self._ahead - self._clock()))
            for key in list(self._keys):
                await self._tell_all(key, self._use(key), ahead=number + 1)
            await asyncio.sleep(max(0.01, begins - self._clock()))

    def _use(self, key: str) -> _Open:
        """The key's book-keeping, which is kept until ``_tell_all`` was called for every use."""
        mine = self._keys.setdefault(key, _Open())
        mine.users += 1
        return mine

    async def _admitted(self, key: str, mine: _Open, limit: int) -> Allowance:
        number = self._slice()
        try:
            total = max([await self._tell(key, mine, slice_) for slice_ in (number - 1, number)])
        except Unavailable:
            total, limit = mine.count, ceil(limit / LOCAL_SHARE)
        allowance = Allowance(total <= limit, limit, max(0, limit - total), ceil(self._seconds))
        if not allowance.allowed:
            raise StreamsFull(allowance)
        if number + 1 in mine.told:
            await self._tell_if_possible(key, mine, number + 1)
        return allowance

    async def _tell_all(self, key: str, mine: _Open, ahead: int | None = None) -> None:
        """Ends one use: corrects what was told of the slices that still count, and tells of slice ``ahead``."""
        try:
            async with mine.lock:
                before = self._slice() - 1
                mine.told = {number: count for number, count in mine.told.items() if number >= before}
                for number in {*mine.told, *(() if ahead is None else (ahead,))}:
                    if mine.told.get(number) != mine.count:
                        await self._tell_if_possible(key, mine, number)
        finally:
            mine.users -= 1
            if mine.users == 0:
                del self._keys[key]

    async def _tell_if_possible(self, key: str, mine: _Open, number: int) -> None:
        try:
            await self._tell(key, mine, number)
        except Unavailable as error:
            logger.info("open streams were not counted in this slice", extra={"reason": error.detail})

    async def _tell(self, key: str, mine: _Open, number: int) -> int:
        """Brings the slice's counter up to date with what is open here; answers its total."""
        count = mine.count
        total = await self._counters.add(
            _counter(key, number), count - mine.told.get(number, 0), self._seconds
        )
        mine.told[number] = count
        return total

    def _slice(self) -> int:
        return int(self._clock() // self._seconds)


def _counter(key: str, number: int) -> str:
    return f"streams-{key}-{number}"
