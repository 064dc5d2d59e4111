"""Who may go in next, where many wait: in turn by key, so that a crowd of one tenant keeps nobody else waiting."""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager


class Turnstile:
    """Lets ``limit`` in at a time, of one key at most ``share``.

    Who waits goes in when there is room: first the key that has the fewest inside, of those the one that was served
    longest ago, and of a key whoever came first.
    """

    def __init__(self, limit: int, share: int | None = None) -> None:
        self._limit = limit
        self._share = limit if share is None else share
        self._inside: Counter[Hashable] = Counter()
        self._waiting: OrderedDict[Hashable, deque[asyncio.Future[None]]] = OrderedDict()

    @property
    def inside(self) -> int:
        """How many are inside."""
        return self._inside.total()

    @asynccontextmanager
    async def turn_of(self, key: Hashable) -> AsyncIterator[None]:
        """Waits for the key's turn, and is inside for as long as the block."""
        await self._enter(key)
        try:
            yield
        finally:
            self._leave(key)

    async def _enter(self, key: Hashable) -> None:
        if not self._waiting.get(key) and self._has_room(key):
            self._inside[key] += 1
            return
        ticket: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, deque()).append(ticket)
        try:
            await ticket
        except BaseException:
            if ticket.done() and not ticket.cancelled():
                self._leave(key)  # let in and called off at the same moment
            else:
                self._forget(key, ticket)
            raise

    def _has_room(self, key: Hashable) -> bool:
        return self.inside < self._limit and self._inside[key] < self._share

    def _leave(self, key: Hashable) -> None:
        self._inside -= Counter([key])
        if key in self._waiting:
            self._waiting.move_to_end(key)
        while able := [key for key in self._waiting if self._has_room(key)]:
            self._let_in(min(able, key=self._inside.__getitem__))

    def _let_in(self, key: Hashable) -> None:
        ticket = self._waiting[key][0]
        self._waiting.move_to_end(key)
        self._forget(key, ticket)
        if not ticket.done():  # else its owner was called off and has not noticed yet
            self._inside[key] += 1
            ticket.set_result(None)

    def _forget(self, key: Hashable, ticket: asyncio.Future[None]) -> None:
        tickets = self._waiting.get(key, deque())
        if ticket in tickets:
            tickets.remove(ticket)
        if not tickets:
            self._waiting.pop(key, None)
