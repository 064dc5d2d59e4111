"""Counters on a real server: totals, concurrency, and what happens when there is no server."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from minirag_contracts.errors import Unavailable
from minirag_contracts.topology import STREAMS, counter_subject
from minirag_messaging import Bus, topology
from minirag_messaging.jetstream_api import ask
from minirag_messaging.testing import NatsServer

Connect = Callable[..., Awaitable[Bus]]
MINUTE = timedelta(minutes=1)


async def test_each_increment_is_answered_with_the_total_over_all_processes(
    connect: Connect, streams: None
) -> None:
    first, second = await connect(), await connect()
    subject = counter_subject(MINUTE, "a")
    assert await first.count(subject, 5) == 5
    assert await second.count(subject, 7) == 12
    assert await first.count(subject, -2) == 10
    assert await first.count(counter_subject(MINUTE, "b"), 1) == 1


async def test_no_two_increments_get_the_same_total(connect: Connect, streams: None) -> None:
    buses = [await connect(), await connect()]
    subject = counter_subject(MINUTE, "a")
    totals = await asyncio.gather(*(buses[n % 2].count(subject, 1) for n in range(1000)))
    assert sorted(totals) == list(range(1, 1001))


async def test_a_counter_lives_until_its_age_after_the_last_change_and_takes_one_message(bus: Bus) -> None:
    limits = next(spec for spec in STREAMS if spec.name == "LIMITS")
    spec = replace(limits, max_age=timedelta(seconds=1))
    await topology.apply(bus, streams=(spec,), consumers=())

    async def state() -> dict[str, int]:
        query = json.dumps({"subjects_filter": subject}).encode()
        info = await ask(bus, "$JS.API.STREAM.INFO.LIMITS", query)
        return info["state"].get("subjects") or {}

    late = True
    while late:  # where we were slow, the counter may have gone between two increments
        subject, late, last = counter_subject(MINUTE, f"a{time.monotonic_ns()}"), False, time.monotonic()
        found = []
        for _ in range(3):
            begun = time.monotonic()
            found.append((await bus.count(subject, 1), await state()))
            late = late or time.monotonic() - last >= 1
            last = begun
            await asyncio.sleep(0.5)
    assert found == [(total, {subject: 1}) for total in (1, 2, 3)]
    async with asyncio.timeout(10):
        while await state():
            await asyncio.sleep(0.05)
    assert await bus.count(subject, 1) == 1


async def test_a_server_or_stream_that_is_away_is_told_at_once(bus: Bus, server: NatsServer) -> None:
    with pytest.raises(Unavailable):
        await bus.count(counter_subject(MINUTE, "a"), 1)
    server.kill()
    async with asyncio.timeout(5):
        while bus.connected.is_set():
            await asyncio.sleep(0.01)
    with pytest.raises(Unavailable):
        await bus.count(counter_subject(MINUTE, "a"), 1)


def test_a_window_is_counted_where_counters_live_longer_than_it() -> None:
    by_subject = {spec.subjects[0]: spec for spec in STREAMS if spec.counter}
    for window in (timedelta(seconds=5), MINUTE, timedelta(hours=1), timedelta(hours=24)):
        prefix = counter_subject(window, "k").rsplit(".", 1)[0]
        assert by_subject[f"{prefix}.>"].max_age > window
    with pytest.raises(ValueError, match="no stream"):
        counter_subject(timedelta(days=2), "k")
