"""How many calls may run at the same endpoint, so that a slow one cannot keep every worker busy."""

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


@dataclass(slots=True)
class _Endpoint:
    """What is known of one endpoint while calls to it run or wait; seconds of the monotonic clock."""

    busy: int = 0
    failing: bool = False
    duration: float = FIRST_GUESS
    booked_until: float = 0.0


class EndpointSlots:
    """Bounds the concurrent calls per endpoint: ``limit``, and one at a time while the last call failed.

    Work that finds no slot is postponed to the moment at which, going by the last call's duration, its turn would
    come, but by no more than ``patience``: a long queue neither blocks a worker nor asks again and again.
    """

    def __init__(self, limit: int, patience: timedelta, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._patience = patience.total_seconds()
        self._clock = clock
        self._endpoints: dict[UUID, _Endpoint] = {}

    @contextmanager
    def hold(self, webhook_id: UUID) -> Iterator[None]:
        """A slot for the length of the block; raises Postpone when none is free. A block that raises was a failure."""
        endpoint = self._endpoints.setdefault(webhook_id, _Endpoint())
        limit = 1 if endpoint.failing else self._limit
        if endpoint.busy >= limit:
            raise Postpone(self._turn(endpoint, limit))
        endpoint.busy += 1
        started = self._clock()
        failing = True
        try:
            yield
            failing = False
        finally:
            endpoint.busy -= 1
            endpoint.failing = failing
            endpoint.duration = self._clock() - started
            self._forget_idle(webhook_id, endpoint)

    def _turn(self, endpoint: _Endpoint, limit: int) -> timedelta:
        now = self._clock()
        booked = max(now, endpoint.booked_until) + max(endpoint.duration / limit, SHORTEST_WAIT)
        endpoint.booked_until = min(booked, now + self._patience)
        return timedelta(seconds=endpoint.booked_until - now)

    def _forget_idle(self, webhook_id: UUID, endpoint: _Endpoint) -> None:
        if not endpoint.busy and not endpoint.failing and endpoint.booked_until <= self._clock():
            self._endpoints.pop(webhook_id, None)
