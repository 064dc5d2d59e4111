"""Limits of two gateways over one real NATS server."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from minirag_contracts.errors import Unavailable
from minirag_gateway.adapters.counters import BusCounters
from minirag_gateway.queries.limits import Limiter
from minirag_gateway.queries.streams import OpenStreams, StreamsFull
from minirag_messaging import Bus, topology
from minirag_messaging.testing import NatsServer, reconnected

SLICE, AHEAD = 0.6, 0.4

pytestmark = pytest.mark.usefixtures("patient_counters")

TENANT = "018f0000-0000-7000-8000-000000000001"


@pytest.fixture
async def other_bus(nats: NatsServer) -> AsyncIterator[Bus]:
    other = await Bus.connect(nats.url, name="other")
    yield other
    await other.close()


def noon() -> float:
    """A clock that stands still: a test is shorter than a window, but might lie across two."""
    return 1_800_000_000.0


@pytest.mark.parametrize(("limit", "least"), [(10, 10), (99, 99), (600, 540), (3000, 2700), (9000, 8100)])
async def test_ten_thousand_takes_of_two_gateways_get_what_the_limit_says(
    bus: Bus, other_bus: Bus, limit: int, least: int
) -> None:
    limiters = [Limiter(BusCounters(bus), noon), Limiter(BusCounters(other_bus), noon)]
    answers = await asyncio.gather(
        *(limiters[n % 2].take("requests", "tenant", limit, 60) for n in range(10_000))
    )
    allowed = sum(answer.allowed for answer in answers)
    assert least <= allowed <= limit


async def test_what_one_gateway_holds_back_is_a_fiftieth(bus: Bus, other_bus: Bus) -> None:
    quiet, busy = Limiter(BusCounters(bus), noon), Limiter(BusCounters(other_bus), noon)
    assert (await quiet.take("requests", "tenant", 1000, 60)).allowed
    answers = [await busy.take("requests", "tenant", 1000, 60) for _ in range(1100)]
    assert sum(answer.allowed for answer in answers) == 980
    assert sum([(await quiet.take("requests", "tenant", 1000, 60)).allowed for _ in range(30)]) == 19


async def test_bytes_are_counted_by_amounts(bus: Bus, other_bus: Bus) -> None:
    limiters = [Limiter(BusCounters(bus), noon), Limiter(BusCounters(other_bus), noon)]
    megabyte, limit = 1024**2, 200 * 1024**2
    answers = await asyncio.gather(
        *(limiters[n % 2].take("bytes", "tenant", limit, 3600, megabyte // 4) for n in range(1000))
    )
    taken = sum(answer.allowed for answer in answers) * megabyte // 4
    assert 0.9 * limit <= taken <= limit


async def test_a_bus_that_dies_opens_no_limit_and_one_that_is_back_counts_on(
    bus: Bus, nats: NatsServer
) -> None:
    limiter = Limiter(BusCounters(bus), noon)
    assert (await limiter.take("logins", "a", 8, 60)).allowed
    nats.kill()
    allowed = 1
    with pytest.raises(Unavailable):
        while True:
            allowed += (await limiter.take("logins", "a", 8, 60)).allowed
    assert allowed == 2  # a quarter of eight
    await reconnected(bus, nats.start)
    await topology.apply(bus)
    await asyncio.sleep(1.1)
    answers = [await limiter.take("logins", "a", 8, 60) for _ in range(20)]
    # The memory stream is gone with the server, what this gateway has given out is not.
    assert allowed + sum(answer.allowed for answer in answers) <= 9


class Gateway:
    """The open streams of one gateway; ``die`` is what SIGKILL does to them."""

    def __init__(self, bus: Bus, ahead: float = AHEAD) -> None:
        self.streams = OpenStreams(BusCounters(bus), slice_seconds=SLICE, ahead=ahead)
        self.announcing = asyncio.create_task(self.streams.announce())
        self.open = AsyncExitStack()

    async def try_open(self, limit: int) -> bool:
        try:
            await self.open.enter_async_context(self.streams.opened(TENANT, limit))
        except StreamsFull:
            return False
        return True

    async def settled(self) -> None:
        """Until what ended here was told of."""
        async with asyncio.timeout(10):
            while self.streams._closing:
                await asyncio.sleep(0.01)

    def die(self) -> None:
        self.announcing.cancel()


async def test_streams_are_limited_over_both_gateways_at_every_moment(bus: Bus, other_bus: Bus) -> None:
    first, second = Gateway(bus), Gateway(other_bus)
    opened = await asyncio.gather(*(gateway.try_open(7) for gateway in (first, second) * 10))
    assert sum(opened) <= 7
    while sum(opened) < 7:  # two that ask for the last one at the same moment may both be refused it
        opened += [await first.try_open(7), await second.try_open(7)]
    until = time.monotonic() + 4 * SLICE
    while time.monotonic() < until:
        assert not await first.try_open(7)
        assert not await second.try_open(7)
        await asyncio.sleep(0.01)
    await first.open.aclose()
    await first.settled()
    assert sum([await second.try_open(7) for _ in range(10)]) == sum(opened[::2])
    await second.open.aclose()
    first.die()
    second.die()


async def test_the_streams_of_a_gateway_that_was_killed_are_forgotten(bus: Bus, other_bus: Bus) -> None:
    first, second = Gateway(bus), Gateway(other_bus)
    assert all([await first.try_open(3) for _ in range(3)])
    await asyncio.sleep(4 * SLICE)
    assert not await second.try_open(3)
    first.die()
    died = time.monotonic()
    while not await second.try_open(3):
        assert time.monotonic() < died + 2 * SLICE + AHEAD + 5
        await asyncio.sleep(0.02)
    assert all([await second.try_open(3) for _ in range(2)])
    second.die()


@pytest.mark.parametrize("into", [0.1, 0.5])
async def test_the_streams_of_a_gateway_that_is_late_are_still_counted(
    bus: Bus, other_bus: Bus, into: float
) -> None:
    """Its announcing stops, as on a machine without time for it, before it has told of the next slice."""
    first, second = Gateway(bus, ahead=0.05), Gateway(other_bus)
    assert all([await first.try_open(3) for _ in range(3)])
    await asyncio.sleep(SLICE - time.time() % SLICE + into * SLICE)
    first.die()
    until = time.monotonic() + 0.9 * SLICE
    while time.monotonic() < until:
        assert not await second.try_open(3)
        await asyncio.sleep(0.01)
    second.die()


async def test_streams_that_come_and_go_leave_nothing_behind(bus: Bus, other_bus: Bus) -> None:
    gateways = [Gateway(bus), Gateway(other_bus)]

    async def visit(gateway: Gateway) -> None:
        for _ in range(100):
            async with gateway.streams.opened(TENANT, 16):
                await asyncio.sleep(0.005)

    await asyncio.gather(*(visit(gateway) for gateway in gateways * 4))
    for gateway in gateways:
        await gateway.settled()
    assert sum([await gateways[0].try_open(5) for _ in range(6)]) == 5
    for gateway in gateways:
        await gateway.open.aclose()
        gateway.die()
