"""Consumers: redelivery, leases, order, drain, and a consumer that vanishes. No lease runs out where none is said to."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from minirag_contracts.envelope import Envelope
from minirag_contracts.topology import ConsumerSpec
from minirag_messaging import Bus, ConsumerRunner, EventPublisher, NotYet, topology
from minirag_messaging.jetstream_api import ask
from minirag_messaging.testing import NatsServer, reconnected
from nats.aio.msg import Msg

AnEvent = Callable[..., Envelope]
Connect = Callable[..., Awaitable[Bus]]

PROJECTOR = ConsumerSpec("analytics", "chats", "chat", ("bot.>", "chat.>"), "projector")
REACTOR = ConsumerSpec("webhooks", "bots_test", "chat", ("bot.created",), "reactor", concurrency=4)
INFO_OF_REACTOR = f"$JS.API.CONSUMER.INFO.{REACTOR.stream}.{REACTOR.durable}"
QUICK = (timedelta(seconds=0.1), timedelta(seconds=0.3))


@pytest.fixture(autouse=True)
async def consumers(bus: Bus) -> None:
    await leases_of(bus, 60)


async def leases_of(bus: Bus, seconds: int) -> None:
    await topology.apply(bus, ack_wait=timedelta(seconds=seconds), consumers=(PROJECTOR, REACTOR))


class Seen:
    """What a handler was given, and when."""

    def __init__(self) -> None:
        self.events: list[tuple[int, int]] = []
        self.times: list[float] = []
        self._grown = asyncio.Event()

    def note(self, event: Envelope, attempt: int) -> None:
        self.events.append((event.version, attempt))
        self.times.append(time.monotonic())
        self._grown.set()

    async def count(self, wanted: int, seconds: float = 10) -> None:
        async with asyncio.timeout(seconds):
            while len(self.events) < wanted:
                self._grown.clear()
                await self._grown.wait()


@asynccontextmanager
async def running(bus: Bus, spec: ConsumerSpec, handle: Any, **options: Any) -> AsyncIterator[ConsumerRunner]:
    runner = ConsumerRunner(bus, spec, handle, **options)
    task = asyncio.create_task(runner.run())
    try:
        yield runner
    finally:
        await runner.drain(timeout=5)
        await task


async def outstanding(bus: Bus, spec: ConsumerSpec) -> tuple[int, int]:
    """(delivered and not acknowledged, not delivered yet)."""
    await bus.settled()
    info = await ask(bus, f"$JS.API.CONSUMER.INFO.{spec.stream}.{spec.durable}")
    return info["num_ack_pending"], info["num_pending"]


async def until_outstanding(bus: Bus, spec: ConsumerSpec, wanted: tuple[int, int]) -> None:
    """Acknowledgements are taken in soon, not at once."""
    async with asyncio.timeout(5):
        while await outstanding(bus, spec) != wanted:
            await asyncio.sleep(0.01)


async def renewed(bus: Bus, spec: ConsumerSpec, events: int) -> asyncio.Event:
    """Is set when the leases of so many events were renewed for longer than a lease is."""
    renewals, done = Counter[str](), asyncio.Event()

    async def on_ack(msg: Msg) -> None:
        renewals.update([msg.subject] if msg.data == b"+WPI" else [])
        # Three to a lease, and the first may come early.
        if sum(times >= 5 for times in renewals.values()) == events:
            done.set()

    await bus.client.subscribe(f"$JS.ACK.{spec.stream}.{spec.durable}.>", cb=on_ack)
    await bus.settled()
    return done


async def publish(bus: Bus, events: list[Envelope], after: int = 0) -> None:
    await EventPublisher(bus, "CHAT").publish(events, after)


@pytest.mark.parametrize("spec", [PROJECTOR, REACTOR], ids=["projector", "reactor"])
async def test_the_event_arrives_as_it_was_published(bus: Bus, an_event: AnEvent, spec: ConsumerSpec) -> None:
    got: asyncio.Queue[Envelope] = asyncio.Queue()

    async def handle(event: Envelope, attempt: int) -> None:
        got.put_nowait(event)

    event = an_event(1)
    async with running(bus, spec, handle):
        await publish(bus, [event])
        async with asyncio.timeout(5):
            assert await got.get() == event
    await until_outstanding(bus, spec, (0, 0))


async def test_a_projector_takes_events_one_at_a_time_in_order(bus: Bus, an_event: AnEvent) -> None:
    seen, busy = Seen(), False

    async def handle(event: Envelope, attempt: int) -> None:
        nonlocal busy
        assert not busy
        busy = True
        await asyncio.sleep(0)
        busy = False
        seen.note(event, attempt)

    async with running(bus, PROJECTOR, handle):
        await publish(bus, [an_event(n) for n in range(1, 301)])
        await seen.count(300)
    assert seen.events == [(n, 1) for n in range(1, 301)]


async def test_nothing_overtakes_an_event_that_a_projector_cannot_take(bus: Bus, an_event: AnEvent) -> None:
    seen = Seen()

    async def handle(event: Envelope, attempt: int) -> None:
        seen.note(event, attempt)
        if event.version == 2 and attempt < 3:
            raise NotYet(timedelta(seconds=0.05)) if attempt == 1 else RuntimeError("not this time")

    async with running(bus, PROJECTOR, handle, retry_delays=QUICK):
        await publish(bus, [an_event(n) for n in (1, 2, 3, 4)])
        await seen.count(6)
    assert seen.events == [(1, 1), (2, 1), (2, 2), (2, 3), (3, 1), (4, 1)]


async def test_a_projector_keeps_its_lease_while_it_works(
    bus: Bus, connect: Connect, an_event: AnEvent
) -> None:
    await leases_of(bus, 4)
    seen, long_enough = Seen(), await renewed(bus, PROJECTOR, 1)

    async def handle(event: Envelope, attempt: int) -> None:
        seen.note(event, attempt)
        await long_enough.wait()

    async with running(bus, PROJECTOR, handle), running(await connect(), PROJECTOR, handle):
        await publish(bus, [an_event(1), an_event(2)])
        await seen.count(2, seconds=30)
    assert seen.events == [(1, 1), (2, 1)]


async def test_two_processes_of_a_projector_keep_the_order_even_when_one_dies(
    bus: Bus, connect: Connect, an_event: AnEvent
) -> None:
    seen, begun = Seen(), Seen()

    async def hangs(event: Envelope, attempt: int) -> None:
        begun.note(event, attempt)
        await asyncio.sleep(60)

    async def handle(event: Envelope, attempt: int) -> None:
        seen.note(event, attempt)

    dying = await connect()
    task = asyncio.create_task(ConsumerRunner(dying, PROJECTOR, hangs).run())
    await publish(bus, [an_event(n) for n in (1, 2, 3)])
    await begun.count(1)
    await dying.close()
    task.cancel()
    await leases_of(bus, 1)
    async with running(bus, PROJECTOR, handle):
        await seen.count(3)
    assert seen.events == [(1, 2), (2, 1), (3, 1)]


async def test_a_reactor_works_in_parallel_up_to_its_bound(bus: Bus, an_event: AnEvent) -> None:
    now = most = 0
    seen = Seen()

    async def handle(event: Envelope, attempt: int) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.03)
        now -= 1
        seen.note(event, attempt)

    async with running(bus, REACTOR, handle):
        await publish(bus, [an_event(n) for n in range(1, 21)])
        await seen.count(20)
    assert most == REACTOR.concurrency


async def test_a_failed_reaction_comes_again_after_growing_delays(bus: Bus, an_event: AnEvent) -> None:
    seen = Seen()

    async def handle(event: Envelope, attempt: int) -> None:
        seen.note(event, attempt)
        if attempt < 4:
            raise RuntimeError("not this time")

    async with running(bus, REACTOR, handle, retry_delays=QUICK):
        await publish(bus, [an_event(1)])
        await seen.count(4)
    assert [attempt for _, attempt in seen.events] == [1, 2, 3, 4]
    pauses = [later - earlier for earlier, later in zip(seen.times, seen.times[1:], strict=False)]
    assert pauses[0] >= 0.09
    assert pauses[1] >= 0.29
    assert pauses[2] >= 0.29
    await until_outstanding(bus, REACTOR, (0, 0))


async def test_not_yet_brings_the_event_again_after_its_delay(bus: Bus, an_event: AnEvent) -> None:
    seen = Seen()

    async def handle(event: Envelope, attempt: int) -> None:
        seen.note(event, attempt)
        if attempt == 1:
            raise NotYet(timedelta(seconds=0.2))

    async with running(bus, REACTOR, handle):
        await publish(bus, [an_event(1)])
        await seen.count(2)
    assert seen.times[1] - seen.times[0] >= 0.19


async def test_a_failing_event_does_not_hold_up_the_others(bus: Bus, an_event: AnEvent) -> None:
    seen = Seen()

    async def handle(event: Envelope, attempt: int) -> None:
        if event.version == 1:
            raise RuntimeError("never")
        seen.note(event, attempt)

    async with running(bus, REACTOR, handle):
        await publish(bus, [an_event(n) for n in range(1, 11)])
        await seen.count(9, seconds=1)


async def test_leases_of_running_and_of_waiting_events_are_renewed(
    bus: Bus, connect: Connect, an_event: AnEvent
) -> None:
    await leases_of(bus, 4)
    seen, long_enough = Seen(), await renewed(bus, REACTOR, 7)

    async def handle(event: Envelope, attempt: int) -> None:
        seen.note(event, attempt)
        if event.version > 1:
            await long_enough.wait()

    async with running(bus, REACTOR, handle):
        await publish(bus, [an_event(n) for n in range(1, 9)])
        await until_outstanding(bus, REACTOR, (7, 0))  # the first is done, four run, three wait
        async with running(await connect(), REACTOR, handle):
            await seen.count(8, seconds=30)
            await until_outstanding(bus, REACTOR, (0, 0))
    assert sorted(seen.events) == [(n, 1) for n in range(1, 9)]


async def test_draining_finishes_what_runs_and_gives_back_what_waits(
    bus: Bus, connect: Connect, an_event: AnEvent
) -> None:
    first, second, given_back = Seen(), Seen(), asyncio.Event()

    async def slow(event: Envelope, attempt: int) -> None:
        if event.version > 1:
            await given_back.wait()
        first.note(event, attempt)

    async def quick(event: Envelope, attempt: int) -> None:
        second.note(event, attempt)

    runner = ConsumerRunner(bus, REACTOR, slow)
    task = asyncio.create_task(runner.run())
    await publish(bus, [an_event(n) for n in range(1, 9)])
    await until_outstanding(bus, REACTOR, (7, 0))  # the first is done, four run, three wait
    draining = asyncio.create_task(runner.drain())
    async with running(await connect(), REACTOR, quick):
        await second.count(3)  # sooner than any lease runs out
        given_back.set()
        await draining
        await task
    assert sorted(first.events) == [(n, 1) for n in range(1, 6)]
    assert sorted(second.events) == [(n, 2) for n in range(6, 9)]
    await until_outstanding(bus, REACTOR, (0, 0))


async def test_draining_gives_back_what_a_projector_cannot_take(bus: Bus, an_event: AnEvent) -> None:
    seen = Seen()

    async def never(event: Envelope, attempt: int) -> None:
        seen.note(event, attempt)
        raise NotYet(timedelta(seconds=30))

    async def handle(event: Envelope, attempt: int) -> None:
        seen.note(event, attempt)

    async with running(bus, PROJECTOR, never):
        await publish(bus, [an_event(1), an_event(2)])
        await seen.count(1)
    async with running(bus, PROJECTOR, handle):
        await seen.count(3)
    assert seen.events == [(1, 1), (1, 2), (2, 1)]


async def test_what_does_not_end_in_time_is_cancelled_and_given_back(bus: Bus, an_event: AnEvent) -> None:
    seen = Seen()

    async def hangs(event: Envelope, attempt: int) -> None:
        seen.note(event, attempt)
        await asyncio.sleep(60)

    runner = ConsumerRunner(bus, REACTOR, hangs)
    task = asyncio.create_task(runner.run())
    await publish(bus, [an_event(1)])
    await seen.count(1)
    await runner.drain(timeout=0.1)
    await task

    async def handle(event: Envelope, attempt: int) -> None:
        seen.note(event, attempt)

    async with running(bus, REACTOR, handle):
        await seen.count(2)


async def test_a_cancelled_runner_gives_back_what_waits_and_ends_after_what_it_ran(
    bus: Bus, connect: Connect, an_event: AnEvent
) -> None:
    seen, began, ended = Seen(), Seen(), []

    async def hangs(event: Envelope, attempt: int) -> None:
        began.note(event, attempt)
        if event.version == 1:
            return
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)  # as a transaction that is rolled back
            ended.append(event.version)

    async def handle(event: Envelope, attempt: int) -> None:
        seen.note(event, attempt)

    task = asyncio.create_task(ConsumerRunner(await connect(), REACTOR, hangs).run())
    await publish(bus, [an_event(n) for n in range(1, 9)])
    await began.count(5)
    await until_outstanding(bus, REACTOR, (7, 0))  # the first is done, four run, three wait
    task.cancel()
    await asyncio.wait([task], timeout=10)
    assert task.cancelled() and len(ended) == 4
    async with running(bus, REACTOR, handle):
        await seen.count(7)
    assert sorted(version for version, _ in seen.events) == list(range(2, 9))


async def test_a_deleted_consumer_is_reported_and_bound_again(bus: Bus, an_event: AnEvent) -> None:
    seen, lost = Seen(), asyncio.Event()

    async def handle(event: Envelope, attempt: int) -> None:
        seen.note(event, attempt)

    async def on_lost() -> None:
        lost.set()

    async with running(bus, REACTOR, handle, on_lost=on_lost):
        await publish(bus, [an_event(1)])
        await seen.count(1)
        await ask(bus, f"$JS.API.CONSUMER.DELETE.CHAT.{REACTOR.durable}")
        async with asyncio.timeout(5):
            await lost.wait()
        await topology.apply(bus, consumers=(PROJECTOR, REACTOR))
        await publish(bus, [an_event(2)], after=1)
        await seen.count(3)  # the new consumer begins at the beginning; the inbox drops what is known
    assert {version for version, _ in seen.events} == {1, 2}


async def test_a_wiped_server_is_survived(bus: Bus, server: NatsServer, an_event: AnEvent) -> None:
    seen = Seen()

    async def handle(event: Envelope, attempt: int) -> None:
        seen.note(event, attempt)

    async with running(bus, PROJECTOR, handle):
        await publish(bus, [an_event(1)])
        await seen.count(1)

        def wipe() -> None:
            server.kill()
            server.wipe()
            server.start()

        await reconnected(bus, wipe)
        await topology.apply(bus, consumers=(PROJECTOR, REACTOR))
        await publish(bus, [an_event(1), an_event(2)])
        await seen.count(3)


async def test_events_flow_on_after_a_restart_of_the_server(
    bus: Bus, server: NatsServer, an_event: AnEvent
) -> None:
    seen = Seen()

    async def handle(event: Envelope, attempt: int) -> None:
        seen.note(event, attempt)

    async with running(bus, REACTOR, handle):
        await publish(bus, [an_event(1)])
        await seen.count(1)
        await reconnected(bus, server.restart)
        await publish(bus, [an_event(2)], after=1)
        await seen.count(2, seconds=4)


async def test_a_message_that_is_no_event_is_dropped_with_a_word(
    bus: Bus, an_event: AnEvent, caplog: pytest.LogCaptureFixture
) -> None:
    seen = Seen()

    async def handle(event: Envelope, attempt: int) -> None:
        seen.note(event, attempt)

    async with running(bus, PROJECTOR, handle):
        await bus.client.publish("bot.created.x", b"nonsense")
        await bus.settled()
        await publish(bus, [an_event(1)], after=1)
        await seen.count(1)
    assert "no event" in caplog.text
    await until_outstanding(bus, PROJECTOR, (0, 0))


async def test_an_idle_consumer_costs_almost_nothing(bus: Bus) -> None:
    async def handle(event: Envelope, attempt: int) -> None:
        raise AssertionError

    async with running(bus, REACTOR, handle):
        async with asyncio.timeout(5):
            while (await ask(bus, INFO_OF_REACTOR))["num_waiting"] != 1:
                await asyncio.sleep(0.01)
        before = bus.client.stats["out_msgs"]
        await asyncio.sleep(1)
        assert bus.client.stats["out_msgs"] == before


async def test_a_runner_can_be_drained_before_it_has_run(bus: Bus) -> None:
    async def handle(event: Envelope, attempt: int) -> None:
        raise AssertionError

    runner = ConsumerRunner(bus, REACTOR, handle)
    await runner.drain()
    async with asyncio.timeout(2):
        await runner.run()
