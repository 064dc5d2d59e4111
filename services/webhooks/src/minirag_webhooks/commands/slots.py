"""How many calls may run at the same endpoint, and for the same tenant, so that slow ones cannot keep every worker busy."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from minirag_eventstore import Postpone

FIRST_GUESS = 1.0
"""Seconds that a call is assumed to take before one has been seen."""

SHORTEST_WAIT = 0.05

SHARE = 4
"""One tenant gets at most one in so many of a process' calls, however many endpoints it has."""


@dataclass(slots=True)
class _Queue:
    """What is known of one endpoint, or tenant, while calls run or wait; seconds of the monotonic clock."""

    busy: int = 0
    failing: bool = False
    duration: float = FIRST_GUESS
    booked_until: float = 0.0


class EndpointSlots:
    """Bounds the concurrent calls per endpoint: ``limit``, and one at a time while the last call failed. All endpoints
    of a tenant together get a quarter of ``concurrency``.

    Work that finds no slot is postponed to the moment at which, going by the last call's duration, its turn would
    come, but by no more than ``patience``: a long queue neither blocks a worker nor asks again and again.
    """

    def __init__(
        self,
        limit: int,
        concurrency: int,
        patience: timedelta,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit
        self._share = max(1, concurrency // SHARE)
        self._patience = patience.total_seconds()
        self._clock = clock
        self._endpoints: dict[UUID, _Queue] = {}
        self._tenants: dict[UUID, _Queue] = {}

    @contextmanager
    def hold(self, tenant_id: UUID, webhook_id: UUID) -> Iterator[None]:
        """A slot for the length of the block; raises Postpone when none is free. A block that raises was a failure."""
        tenant = self._tenants.setdefault(tenant_id, _Queue())
        endpoint = self._endpoints.setdefault(webhook_id, _Queue())
        for queue, limit in ((endpoint, 1 if endpoint.failing else self._limit), (tenant, self._share)):
            if queue.busy >= limit:
                self._forget_idle(self._endpoints, webhook_id)
                self._forget_idle(self._tenants, tenant_id)
                raise Postpone(self._turn(queue, limit))
        endpoint.busy += 1
        tenant.busy += 1
        started = self._clock()
        failing = True
        try:
            yield
            failing = False
        finally:
            endpoint.failing = failing
            for queue in (endpoint, tenant):
                queue.busy -= 1
                queue.duration = self._clock() - started
            self._forget_idle(self._endpoints, webhook_id)
            self._forget_idle(self._tenants, tenant_id)

    def _turn(self, queue: _Queue, limit: int) -> timedelta:
        now = self._clock()
        booked = max(now, queue.booked_until) + max(queue.duration / limit, SHORTEST_WAIT)
        queue.booked_until = min(booked, now + self._patience)
        return timedelta(seconds=queue.booked_until - now)

    def _forget_idle(self, queues: dict[UUID, _Queue], key: UUID) -> None:
        queue = queues[key]
        if not queue.busy and not queue.failing and queue.booked_until <= self._clock():
            del queues[key]
