"""How much is left of a limit: asked of the process's own leases, and rarely of the counters that all gateways share."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from minirag_contracts.errors import Unavailable

from minirag_gateway.domain.limits import UNLIMITED, Allowance, Bucket, Window
from minirag_gateway.ports import Counters

REMEMBERED = 50_000
"""Keys whose leases a process keeps; the one that was asked for longest ago goes first, and its lease with it."""

UNKNOWN = "The limits cannot be checked at the moment. Please try again."


@dataclass(slots=True)
class _Held:
    bucket: Bucket
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Limiter:
    """Limits that hold over all gateways. ``clock`` gives seconds since the epoch."""

    def __init__(self, counters: Counters, clock: Callable[[], float] = time.time) -> None:
        self._counters = counters
        self._clock = clock
        self._held: OrderedDict[tuple[str, str], _Held] = OrderedDict()

    async def take(self, name: str, key: str, limit: int, window: float, amount: int = 1) -> Allowance:
        """Takes ``amount`` of what ``key`` may have of ``name`` in ``window`` seconds; ``limit`` 0 is unlimited.

        Nothing is taken where it is not allowed. Raises Unavailable where neither the shared counters nor our own
        share can tell.
        """
        if limit <= 0:
            return UNLIMITED
        now = self._clock()
        held = self._of(name, key, limit, window, now)
        bucket = held.bucket
        allowed = bucket.spend(amount)
        if not allowed and bucket.wanted(amount) and amount <= limit:
            async with held.lock:
                await self._lease(bucket, amount, window)
                allowed = bucket.spend(amount)
        return bucket.allowance(now, allowed=allowed)

    async def look(self, name: str, key: str, limit: int, window: float) -> Allowance:
        """What is left, without taking any; what other gateways have leased counts as taken. Raises Unavailable."""
        if limit <= 0:
            return UNLIMITED
        now = self._clock()
        held = self._of(name, key, limit, window, now)
        async with held.lock:
            held.bucket.total = await self._counters.add(held.bucket.window.counter, 0, window)
        return held.bucket.allowance(now, allowed=True)

    def _of(self, name: str, key: str, limit: int, window: float, now: float) -> _Held:
        place = (name, key)
        held = self._held.get(place)
        if held is None or held.bucket.window.ends <= now or held.bucket.limit != limit:
            held = _Held(Bucket(limit, Window.at(now, window, name, key)))
            self._held[place] = held
            if len(self._held) > REMEMBERED:
                self._held.popitem(last=False)
        self._held.move_to_end(place)
        return held

    async def _lease(self, bucket: Bucket, amount: int, window: float) -> None:
        while asked := bucket.wanted(amount):
            try:
                total = await self._counters.add(bucket.window.counter, asked, window)
            except Unavailable as error:
                bucket.manage_alone()
                if bucket.left < amount:
                    raise Unavailable(UNKNOWN) from error
                return
            bucket.receive(asked, total)
