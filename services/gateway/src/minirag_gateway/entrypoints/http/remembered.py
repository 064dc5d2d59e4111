"""What everybody may ask and takes work to find out is found out once for all of them."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """Answers of ``find`` by key, believed for ``seconds``; of more than ``size`` the oldest is forgotten.

    Whoever asks while an answer is looked for waits for the same one. What ``find`` raises reaches all of them and is not
    remembered.
    """

    def __init__(self, find: Callable[[str], Awaitable[T]], seconds: float, size: int = 1) -> None:
        self._find = find
        self._seconds = seconds
        self._size = size
        self._known: OrderedDict[str, tuple[float, T]] = OrderedDict()
        self._looking: dict[str, asyncio.Task[T]] = {}

    async def get(self, key: str = "") -> T:
        """The answer, at most so many seconds old."""
        known = self._known.get(key)
        if known is not None and time.monotonic() - known[0] < self._seconds:
            return known[1]
        task = self._looking.get(key)
        if task is None:
            task = self._looking[key] = asyncio.create_task(self._look(key))
        return await asyncio.shield(task)  # one who leaves takes nothing from the others

    async def _look(self, key: str) -> T:
        try:
            answer = await self._find(key)
        finally:
            del self._looking[key]
        self._known.pop(key, None)
        self._known[key] = (time.monotonic(), answer)
        if len(self._known) > self._size:
            self._known.popitem(last=False)
        return answer
