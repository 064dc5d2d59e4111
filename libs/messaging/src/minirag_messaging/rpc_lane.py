"""How many requests a service works on at once, and how many may wait for their turn."""

import asyncio

from minirag_contracts.errors import Unavailable


class Lane:
    """``running`` at a time, ``waiting`` more in a queue; beyond that a request is refused at once."""

    def __init__(self, running: int, waiting: int) -> None:
        self.turn = asyncio.Semaphore(running)
        self._bound = running + waiting
        self._inside = 0

    @property
    def inside(self) -> int:
        """Requests that run or wait now."""
        return self._inside

    def enter(self) -> None:
        """Raises Unavailable when the queue is full."""
        if self._inside >= self._bound:
            raise Unavailable("The service has too much to do at the moment. Please try again.")
        self._inside += 1

    def leave(self) -> None:
        """To be called once for every ``enter``."""
        self._inside -= 1
