"""Time as the loop of a test has it: whoever runs in the same loop is not late for a moment in which nobody ran."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

TICK, STALL = 0.01, 0.05
"""Seconds between two looks at the clock, and the most that may count of them."""


@asynccontextmanager
async def turning(seconds: float) -> AsyncIterator[None]:
    """``asyncio.timeout`` after so many seconds in which this loop turned."""
    async with asyncio.timeout(None) as bound:
        ticking = asyncio.create_task(_tick(seconds, bound))
        try:
            yield
        finally:
            ticking.cancel()


async def _tick(left: float, bound: asyncio.Timeout) -> None:
    loop = asyncio.get_running_loop()
    while left > 0:
        before = loop.time()
        await asyncio.sleep(TICK)
        left -= min(loop.time() - before, STALL)
    bound.reschedule(loop.time())
