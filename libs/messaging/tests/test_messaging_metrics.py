"""What the bus counts: requests and events by how they ended, and nothing of what was in them."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from minirag_contracts.context import Context
from minirag_contracts.envelope import Envelope
from minirag_contracts.errors import Conflict, RemoteRefusal
from minirag_contracts.ids import new_id
from minirag_contracts.requests.retrieval import Search, SearchReply
from minirag_contracts.topology import ConsumerSpec
from minirag_messaging import Bus, ConsumerRunner, EventPublisher, NotYet, RpcServer, RpcTimeout, topology
from minirag_messaging.lag import Lag, lag_of
from prometheus_client import REGISTRY

REACTOR = ConsumerSpec("webhooks", "bots_counted", "chat", ("bot.created",), "reactor", concurrency=1)


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"minirag_{name}", labels) or 0.0


def a_search(query: str) -> Search:
    return Search(bot_id=new_id(), query=query)


def requests() -> list[float]:
    outcomes = ("ok", "refused", "failed")
    return [counted("rpc_server_seconds_count", verb="search", outcome=outcome) for outcome in outcomes] + [
        counted("rpc_client_seconds_count", service="retrieval", verb="search", outcome=outcome)
        for outcome in outcomes
    ]


async def test_requests_are_counted_at_both_ends_by_how_they_ended(bus: Bus) -> None:
    async def handler(request: Search, context: Context) -> SearchReply:
        if request.query == "refuse":
            raise Conflict
        if request.query == "fail":
            raise ValueError("what a visitor wrote")
        return SearchReply(passages=[], relevance=0.5)

    server = RpcServer(bus, "retrieval")
    server.on(Search, handler)
    await server.start()
    before = requests()
    await bus.request(a_search("answer"), SearchReply, Context(actor="user:1"))
    for query, code in (("refuse", "conflict"), ("fail", "internal_error")):
        with pytest.raises(RemoteRefusal) as refused:
            await bus.request(a_search(query), SearchReply, Context(actor="user:1"))
        assert refused.value.code == code
    assert [after - old for after, old in zip(requests(), before, strict=True)] == [1] * 6


async def test_nobody_who_answers_is_a_failure_of_the_asker(bus: Bus) -> None:
    before = requests()[5]
    with pytest.raises(RpcTimeout):
        await bus.request(a_search("x"), SearchReply, Context(actor="user:1"), timeout=0.2)
    assert requests()[5] - before == 1


async def test_events_are_counted_as_done_or_again_and_what_waits_is_lag(
    bus: Bus, an_event: Callable[..., Envelope]
) -> None:
    await topology.apply(bus, ack_wait=timedelta(seconds=5), consumers=(REACTOR,))
    done = asyncio.Event()

    async def handle(event: Envelope, attempt: int) -> None:
        if attempt == 1:
            raise NotYet(timedelta(milliseconds=10))
        done.set()

    await EventPublisher(bus, "CHAT").publish([an_event(1)], 0)
    assert await lag_of(bus, REACTOR) == Lag(pending=1, unacknowledged=0)
    runner = ConsumerRunner(bus, REACTOR, handle)
    task = asyncio.create_task(runner.run())
    async with asyncio.timeout(10):
        await done.wait()
    await runner.drain()
    await task
    async with asyncio.timeout(5):
        # The last acknowledgement is taken in soon, not at once.
        while await lag_of(bus, REACTOR) != Lag(0, 0):
            await asyncio.sleep(0.01)
    durable = REACTOR.durable
    assert counted("event_handling_seconds_count", durable=durable, outcome="again") == 1
    assert counted("event_handling_seconds_count", durable=durable, outcome="done") == 1
    assert counted("events_published_total", stream="CHAT") >= 1


async def test_a_consumer_that_is_not_there_has_no_lag(bus: Bus) -> None:
    assert await lag_of(bus, REACTOR) is None
