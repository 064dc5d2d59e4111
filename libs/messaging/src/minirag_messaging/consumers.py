"""Runs one durable consumer: hands its events to a handler and tells the server what became of them."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import nats.errors
from minirag_contracts import tracing
from minirag_contracts.envelope import Envelope
from minirag_contracts.errors import Unavailable
from minirag_contracts.topology import ConsumerSpec
from nats.aio.msg import Msg

from minirag_messaging import metrics
from minirag_messaging.connection import Connection, ConnectionLost
from minirag_messaging.headers import TRACEPARENT, MalformedMessage, read_event
from minirag_messaging.jetstream_api import JetStreamRefusal, ask
from minirag_messaging.leases import Leases
from minirag_messaging.pull import ConsumerGone, PullInbox

log = logging.getLogger(__name__)

Handle = Callable[[Envelope, int], Awaitable[None]]

RETRY_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (0.5, 2, 10, 30, 60))
"""Before the second, third … attempt at a reaction; the last one again and again."""

IN_PLACE_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (0.1, 0.5, 2, 5, 10))
"""The same for a projector, which holds on to the event meanwhile."""

BIND_PAUSES = (0.05, 0.2, 0.5, 1.0, 2.0)
"""Seconds between two attempts to find the consumer."""

PROJECTOR_BATCH = 100
"""Events that a projector asks for at a time; the server hands out one by one."""


class NotYet(Exception):
    """The handler cannot take this event now: offer it again after a while. No error, nothing is logged."""

    def __init__(self, after: timedelta) -> None:
        super().__init__(f"again after {after.total_seconds():g} s")
        self.after = after


class ConsumerRunner:
    """``run()`` until ``drain()``; where it is cancelled, what it runs and what waits is given back at once.

    ``handle(event, attempt)`` returns: the event is done. It raises NotYet: the event comes again after that
    delay. It raises anything else: logged, and the event comes again after a growing delay. ``attempt``
    counts from 1 over all processes (for a projector also its attempts in place); parking is the handler's
    decision.

    A projector has one event at a time and holds on to it until it is done, so that nothing ever overtakes
    (the server enforces it over all processes: ``max_ack_pending`` is 1). A reactor has up to
    ``spec.concurrency``.
    ``on_lost`` is awaited whenever the consumer has vanished, before it is looked for again.
    """

    def __init__(
        self,
        bus: Connection,
        spec: ConsumerSpec,
        handle: Handle,
        *,
        on_lost: Callable[[], Awaitable[None]] | None = None,
        retry_delays: Sequence[timedelta] | None = None,
    ) -> None:
        self._bus = bus
        self._spec = spec
        self._handle = handle
        self._on_lost = on_lost
        self._in_order = spec.kind == "projector"
        self._delays = retry_delays or (IN_PLACE_DELAYS if self._in_order else RETRY_DELAYS)
        self._leases = Leases()
        self._limit = 1 if self._in_order else spec.concurrency
        self._changed = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._finished = asyncio.Event()
        self._started = False
        self._pull: PullInbox | None = None
        self._pauses = 0

    async def run(self) -> None:
        """Binds, consumes, and binds again whenever the consumer was lost; returns after ``drain``."""
        self._started = True
        leases = asyncio.get_running_loop().create_task(self._leases.run())
        try:
            while not self._stopping.is_set():
                try:
                    await self._consume()
                except ConsumerGone as gone:
                    await self._lost(gone)
            if self._running:
                await asyncio.wait(self._running)
            await self._flush()
        finally:
            try:
                await self._cancel_running()
            finally:
                leases.cancel()
                self._finished.set()

    async def drain(self, timeout: float = 30.0) -> None:
        """Stops pulling, gives back what waits, finishes what runs; cancels what runs after ``timeout``
        seconds.
        """
        self._stopping.set()
        self._changed.set()
        if self._pull is not None:
            self._pull.stop()
        if not self._started:
            return
        try:
            async with asyncio.timeout(timeout):
                await self._finished.wait()
        except TimeoutError:
            log.warning("reactions were cancelled by the shutdown", extra={"consumer": self._spec.durable})
            for task in list(self._running):
                task.cancel()
            await self._finished.wait()

    async def _cancel_running(self) -> None:
        """What still runs ends here, not beside whoever takes it up next."""
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)

    async def _lost(self, gone: ConsumerGone) -> None:
        pause = BIND_PAUSES[min(self._pauses, len(BIND_PAUSES) - 1)]
        if self._pauses == 0:
            log.warning("a consumer is gone: %s", gone, extra={"consumer": self._spec.durable})
            await self._tell_lost()
        self._pauses += 1
        await self._sleep(pause)

    async def _tell_lost(self) -> None:
        if self._on_lost is None:
            return
        try:
            await self._on_lost()
        except Exception:
            log.exception("the callback for a lost consumer failed", extra={"consumer": self._spec.durable})

    async def _consume(self) -> None:
        """One binding, until ``drain`` or until the consumer is gone."""
        while not await self._bus.wait_connected(1.0):
            if self._stopping.is_set():
                return
            if self._bus.closed.done():
                raise ConnectionLost("the consumer's connection is closed")
        self._leases.interval = await self._ack_wait() / 3
        batch = PROJECTOR_BATCH if self._in_order else self._spec.concurrency
        pull = PullInbox(self._bus, self._spec.stream, self._spec.durable, batch, self._leases)

        async def renew() -> None:
            pull.renew()

        forget = self._bus.on_reconnect(renew)
        await pull.open()
        self._pull = pull
        try:
            if not self._stopping.is_set():
                await self._dispatch(pull)
        finally:
            forget()
            self._pull = None
            if pull.heard:
                self._pauses = 0
            await pull.close()

    async def _ack_wait(self) -> float:
        """Seconds of a lease; raises ConsumerGone where there is no such consumer."""
        try:
            info = await ask(self._bus, f"$JS.API.CONSUMER.INFO.{self._spec.stream}.{self._spec.durable}")
        except (JetStreamRefusal, Unavailable) as error:
            raise ConsumerGone(str(error)) from error
        return int(info["config"]["ack_wait"]) / 1e9

    async def _dispatch(self, pull: PullInbox) -> None:
        while not self._stopping.is_set():
            if len(self._running) >= self._limit:
                self._changed.clear()
                await self._changed.wait()
                continue
            msg = await pull.next()
            if msg is None:
                return
            task = asyncio.get_running_loop().create_task(self._process(msg))
            self._running.add(task)
            task.add_done_callback(self._on_processed)

    def _on_processed(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._changed.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("an event could not be settled", exc_info=error, extra={"consumer": self._spec.durable})

    async def _process(self, msg: Msg) -> None:
        delay: float | None = 0.0  # where the task is cancelled, the event is given back at once
        try:
            delay = await self._outcome(msg)
        finally:
            self._leases.release(msg)
            await (msg.ack() if delay is None else msg.nak(delay))

    async def _outcome(self, msg: Msg) -> float | None:
        """None when it is done with, otherwise seconds until it shall be delivered again."""
        try:
            event = read_event(msg)
        except MalformedMessage:
            log.exception("a message that is no event was dropped", extra={"consumer": self._spec.durable})
            return None
        attempt = msg.metadata.num_delivered
        attributes: dict[str, tracing.Value] = {
            "messaging.system": "nats",
            "messaging.operation.type": "process",
            "messaging.destination.name": self._spec.stream,
            "messaging.consumer.group.name": self._spec.durable,
            "messaging.message.id": str(event.event_id),
            "minirag.attempt": attempt,
        }
        parent = (msg.headers or {}).get(TRACEPARENT) or event.metadata.traceparent
        with tracing.span(f"process {event.type}", attributes, parent=parent, kind="consumer") as span:
            again = await (self._hold_on(event, attempt) if self._in_order else self._attempt(event, attempt))
            if again is not None:
                span.fail("again")
            return again

    async def _attempt(self, event: Envelope, attempt: int) -> float | None:
        """None when it is done, otherwise seconds until the next attempt."""
        began, outcome = time.perf_counter(), "again"
        try:
            await self._handle(event, attempt)
            outcome = "done"
        except NotYet as not_yet:
            return not_yet.after.total_seconds()
        except Exception:
            delay = self._delays[min(attempt, len(self._delays)) - 1].total_seconds()
            log.exception(
                "an event could not be handled",
                extra={
                    "consumer": self._spec.durable,
                    "event_type": event.type,
                    "event_id": str(event.event_id),
                    "tenant_id": str(event.tenant_id),
                    "attempt": attempt,
                    "again_after_s": delay,
                },
            )
            return delay
        finally:
            metrics.EVENTS.labels(self._spec.durable, outcome).observe(time.perf_counter() - began)
        return None

    async def _hold_on(self, event: Envelope, attempt: int) -> float | None:
        """Attempts in place, with the lease renewed, until it is done or we stop (then it is given back)."""
        while (delay := await self._attempt(event, attempt)) is not None:
            await self._sleep(delay)
            if self._stopping.is_set():
                return 0.0
            attempt += 1
        return None

    async def _sleep(self, seconds: float) -> None:
        """Shorter when we are asked to stop."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _flush(self) -> None:
        try:
            await self._bus.settled()
        except (nats.errors.Error, TimeoutError) as error:
            log.info("acknowledgements may be lost", extra={"reason": repr(error)})
