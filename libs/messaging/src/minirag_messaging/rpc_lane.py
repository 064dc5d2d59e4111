"""How many requests a service works on at once, and how many may wait for their turn."""

from collections import Counter
from contextlib import AbstractAsyncContextManager
from uuid import UUID

from minirag_contracts.errors import Unavailable

from minirag_messaging.turnstile import Turnstile


class Lane:
    """``running`` at a time, of one tenant at most ``share``; ``waiting`` more in a queue, from which tenants go in turn.

    Beyond that a request is refused at once, and so are those of a tenant that fills half of the queue by itself.
    """

    def __init__(self, running: int, waiting: int, share: int | None = None) -> None:
        self._turnstile = Turnstile(running, share)
        self._bound = running + waiting
        self._own_bound = running + waiting - waiting // 2
        self._inside: Counter[UUID | None] = Counter()

    @property
    def inside(self) -> int:
        """Requests that run or wait now."""
        return self._inside.total()

    def turn_of(self, tenant_id: UUID | None) -> AbstractAsyncContextManager[None]:
        """Waits for the tenant's turn; running for as long as the block."""
        return self._turnstile.turn_of(tenant_id)

    def enter(self, tenant_id: UUID | None) -> None:
        """Raises Unavailable when the queue is full."""
        if self.inside >= self._bound or (tenant_id and self._inside[tenant_id] >= self._own_bound):
            raise Unavailable("The service has too much to do at the moment. Please try again.")
        self._inside[tenant_id] += 1

    def leave(self, tenant_id: UUID | None) -> None:
        """To be called once for every ``enter``."""
        self._inside -= Counter([tenant_id])
