"""Pulling from a durable consumer.

nats-py's ``fetch`` makes a task per message and swallows a deleted consumer for the rest of its timeout; this
speaks the pull protocol itself (NATS ADR-37): one long request at a time, heartbeats, and every status looked
at.
"""

import asyncio
import json
import logging
from collections import deque

import nats.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from minirag_messaging.connection import Connection
from minirag_messaging.leases import Leases
from minirag_messaging.replies import status_of

log = logging.getLogger(__name__)

EXPIRES = 30.0
"""Seconds that a request for messages stays open at the server."""

HEARTBEAT = 5.0
"""Seconds after which the server says that an open request is still known."""

SILENCE = 2.5 * HEARTBEAT
"""Seconds without any word after which a request is made anew (the server may have been replaced)."""


class ConsumerGone(RuntimeError):
    """The consumer or its stream is not there (any more)."""


class PullInbox:
    """Messages of one consumer in the order of their arrival. One reader."""

    def __init__(self, bus: Connection, stream: str, durable: str, batch: int, leases: Leases) -> None:
        self._bus = bus
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"
        self._batch = batch
        self._leases = leases
        self._inbox = bus.client.new_inbox()
        self._subscription: Subscription | None = None
        self._queue: deque[Msg] = deque()
        self._arrived = asyncio.Event()
        self._wanted = 0
        self._gone: str | None = None
        self._stopped = False
        self.heard = False
        """Has the consumer said anything since it was bound?"""

    async def open(self) -> None:
        """Subscribes to the private inbox."""
        self._subscription = await self._bus.client.subscribe(self._inbox, cb=self._on_message)

    def renew(self) -> None:
        """Asks again: after a reconnect the server may have forgotten the request."""
        self._wanted = 0
        self._arrived.set()

    def stop(self) -> None:
        """Lets the reader's ``next`` return None."""
        self._stopped = True
        self._arrived.set()

    async def next(self) -> Msg | None:
        """The next message, whenever it comes; None after ``stop``; raises ConsumerGone."""
        while True:
            if self._stopped:
                return None
            if self._queue:
                return self._queue.popleft()
            if self._gone is not None:
                raise ConsumerGone(self._gone)
            self._arrived.clear()
            if self._wanted <= 0:
                await self._ask()
            try:
                async with asyncio.timeout(SILENCE):
                    await self._arrived.wait()
            except TimeoutError:
                log.debug("no word from the consumer, asking again", extra={"subject": self._subject})
                self._wanted = 0

    async def _ask(self) -> None:
        query = {
            "batch": self._batch,
            "expires": int(EXPIRES * 1e9),
            "idle_heartbeat": int(HEARTBEAT * 1e9),
        }
        self._wanted = self._batch
        try:
            await self._bus.client.publish(self._subject, json.dumps(query).encode(), reply=self._inbox)
        except nats.errors.OutboundBufferLimitError:
            self._wanted = 0  # disconnected, with much unsent: the reconnect or the silence asks again

    async def _on_message(self, msg: Msg) -> None:
        status = status_of(msg)
        if status is None:
            self._wanted -= 1
            self.heard = True
            self._leases.hold(msg)
            self._queue.append(msg)
        elif status in {"404", "408"}:  # nothing there; the request expired
            self.heard = True
            self._wanted = 0
        elif status == "100":
            self.heard = True
        else:  # 409: consumer deleted, leadership changed, a limit exceeded; 503: nobody there
            self._gone = f"{status} {(msg.headers or {}).get('Description', 'no such consumer')}"
        self._arrived.set()

    async def close(self) -> None:
        """Unsubscribes and gives back what waits, to be delivered again at once; what cannot be, when its lease runs out."""
        if self._subscription is not None:
            try:
                # takes in what is on its way
                await self._subscription.drain()  # type: ignore[no-untyped-call]
            except (nats.errors.Error, TimeoutError) as error:
                log.info("the pull inbox could not be drained", extra={"reason": repr(error)})
        while self._queue:
            msg = self._queue.popleft()
            self._leases.release(msg)
            try:
                await msg.nak()
            except nats.errors.Error as error:
                log.info("an event could not be given back", extra={"reason": repr(error)})
