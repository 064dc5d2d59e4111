"""The identity feed on the bus: events and beats of the gateways' own stream, to the principals of this process."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from minirag_contracts.envelope import Envelope
from minirag_contracts.signals import Beat, beat_subject
from minirag_contracts.topology import STREAM_OF
from minirag_messaging import Bus

from minirag_gateway.queries.feed import CREATIONS
from minirag_gateway.queries.principals import Principals

logger = logging.getLogger(__name__)


class BusIdentityFeed:
    """Listens for as long as it is entered."""

    def __init__(self, bus: Bus, principals: Principals) -> None:
        self._bus = bus
        self._principals = principals

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Subscribed on enter."""
        subjects = STREAM_OF["gateway"].subjects
        async with (
            self._bus.live_events(subjects, self._event),
            self._bus.signals(beat_subject("gateway"), Beat, self._beat),
        ):
            remove = self._bus.on_reconnect(self._reconnected)
            try:
                yield
            finally:
                remove()

    def _event(self, event: Envelope) -> None:
        self._principals.feed.event(event.position or 0)
        if event.type in CREATIONS:
            self._principals.forget_unknown()
        else:
            self._principals.forget(event.tenant_id)

    def _beat(self, subject: str, beat: Beat) -> None:
        if not self._principals.feed.beat(beat.position):
            self._principals.forget(None)

    async def _reconnected(self) -> None:
        self._principals.feed.lost()
