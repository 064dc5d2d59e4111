"""Reactions that fail: the audit keeps to their delays, and what is not the event's fault does not park it."""

import asyncio
from datetime import timedelta

import pytest
from contexts import a_context
from ledger import SERVICE, StoreReader, open_account
from minirag_contracts.context import Context
from minirag_contracts.envelope import Envelope
from minirag_contracts.ids import new_id
from minirag_contracts.topology import ConsumerSpec
from minirag_eventstore import Database, EventStore, RetryPolicy, Transaction, progress
from minirag_eventstore.reactor import ReactionFailed, Reactor

REACTION = ConsumerSpec(SERVICE, "payments", SERVICE, ("account.paid",), "reactor")
LONG = RetryPolicy((timedelta(hours=1), timedelta(hours=2)))


class Fails:
    """Fails at an account's first payment as long as it is told to."""

    def __init__(self) -> None:
        self.failing = True
        self.seen: list[int] = []

    async def __call__(self, transaction: Transaction, event: Envelope, context: Context) -> None:
        self.seen.append(event.version)
        if self.failing and event.version == 2:
            raise ValueError


@pytest.fixture
def reader(database: Database, monkeypatch: pytest.MonkeyPatch) -> StoreReader:
    monkeypatch.setattr("minirag_eventstore.reactor.GRACE", timedelta(0))
    return StoreReader(database)


async def paid(store: EventStore, reader: StoreReader, payments: int) -> list[Envelope]:
    await open_account(store, a_context(new_id()), payments)
    return (await reader.after(SERVICE, 0, REACTION.patterns))[0]


async def number(database: Database, query: str) -> int:
    async with database.system() as connection:
        return int(await connection.fetchval(query) or 0)


async def make_due(database: Database) -> None:
    async with database.system() as connection:
        await connection.execute("UPDATE inbox_failures SET next_at = now() - interval '1 second'")


async def test_the_audit_leaves_an_event_that_waits_for_its_next_attempt_and_takes_those_behind_it(
    store: EventStore, database: Database, reader: StoreReader
) -> None:
    reaction = Fails()
    reactor = Reactor(store, REACTION, reaction, reader, LONG)
    first, *_ = await paid(store, reader, 3)
    with pytest.raises(ReactionFailed):
        await reactor.handle(first)
    for _ in range(4):
        await reactor.audit()
    assert reaction.seen == [2, 3, 4]
    assert await number(database, "SELECT attempts FROM inbox_failures") == 1
    async with database.system() as connection:
        assert await progress.of(connection, REACTION.durable) == (first.position or 0) - 1

    await make_due(database)
    reaction.failing = False
    assert await reactor.audit() == 1, "the bus has lost it"
    assert reaction.seen == [2, 3, 4, 2]
    async with database.system() as connection:
        assert await progress.of(connection, REACTION.durable) == 4


async def test_the_audit_does_not_wait_for_a_reaction_that_runs_to_try_it_again_at_once(
    store: EventStore, database: Database, reader: StoreReader
) -> None:
    begun, go, seen = asyncio.Event(), asyncio.Event(), []

    async def slow(transaction: Transaction, event: Envelope, context: Context) -> None:
        seen.append(event)
        begun.set()
        await go.wait()
        raise ValueError

    one, other = (Reactor(store, REACTION, slow, reader, LONG) for _ in range(2))
    (event,) = await paid(store, reader, 1)
    running = asyncio.create_task(one.handle(event))
    await begun.wait()
    try:
        async with asyncio.timeout(10):
            await other.audit()
    finally:
        go.set()
    with pytest.raises(ReactionFailed) as failed:
        await running
    assert failed.value.after == LONG.delays[0]
    assert len(seen) == 1


async def test_what_is_never_given_up_is_tried_again_with_the_last_delay(
    store: EventStore, database: Database, reader: StoreReader
) -> None:
    reaction = Fails()
    reactor = Reactor(store, REACTION, reaction, reader, RetryPolicy((timedelta(hours=1),), forever=True))
    (event,) = await paid(store, reader, 1)
    for deliveries in range(1, 9):
        with pytest.raises(ReactionFailed) as failed:
            await reactor.handle(event, deliveries)
        assert failed.value.after == timedelta(hours=1)
    assert await number(database, "SELECT count(*) FROM dead_letters") == 0
    reaction.failing = False
    await reactor.handle(event, 9)
    assert await number(database, "SELECT count(*) FROM inbox") == 1


async def test_an_event_that_often_came_while_the_database_was_away_is_not_parked_for_it(
    store: EventStore, database: Database, reader: StoreReader
) -> None:
    reaction = Fails()
    reaction.failing = False
    (event,) = await paid(store, reader, 1)
    await Reactor(store, REACTION, reaction, reader, LONG).handle(event, deliveries=50)
    assert reaction.seen == [2]
    assert await number(database, "SELECT count(*) FROM dead_letters") == 0


async def test_an_event_at_which_the_process_dies_each_time_is_parked(
    store: EventStore, database: Database, reader: StoreReader
) -> None:
    async def dies(transaction: Transaction, event: Envelope, context: Context) -> None:
        raise SystemExit

    (event,) = await paid(store, reader, 1)
    deaths = 0
    for delivery in range(1, 20):
        try:
            await Reactor(store, REACTION, dies, reader, LONG).handle(event, delivery)
        except SystemExit:
            deaths += 1
    assert deaths == 2 * LONG.attempts
    assert await number(database, "SELECT count(*) FROM dead_letters") == 1
