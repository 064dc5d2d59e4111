"""Shared counters over the bus."""

import time
from datetime import timedelta

from minirag_contracts.errors import Unavailable
from minirag_contracts.topology import counter_subject
from minirag_messaging import Bus

TIMEOUT = 1.0
"""Seconds that a counter may take."""

AWAY_PAUSE = 1.0
"""Seconds in which counters that did not answer are not asked again: nobody shall wait for them in vain."""


class BusCounters:
    """``Counters`` over NATS."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._away_until = 0.0

    async def add(self, counter: str, amount: int, window: float) -> int:
        """See the port."""
        if time.monotonic() < self._away_until:
            raise Unavailable("the counters did not answer a moment ago")
        subject = counter_subject(timedelta(seconds=window), counter)
        try:
            return await self._bus.count(subject, amount, TIMEOUT)
        except Unavailable:
            self._away_until = time.monotonic() + AWAY_PAUSE
            raise
