"""Projectors, reactors and rebuilds, fed by an owner's store."""

import asyncio
import random
from datetime import timedelta
from typing import Any

import pytest
from contexts import a_context
from ledger import SERVICE, Accounts, MoneyPaid, StoreReader, done_or_waiting, open_account
from minirag_contracts.context import Context
from minirag_contracts.envelope import Envelope
from minirag_contracts.events import REGISTRY, EventPayload
from minirag_contracts.ids import new_id
from minirag_contracts.topology import ConsumerSpec
from minirag_eventstore import Database, EventStore, RetryPolicy, Transaction, progress
from minirag_eventstore.projector import Projector
from minirag_eventstore.reactor import ReactionFailed, Reactor
from minirag_eventstore.rebuild import rebuild_foreign, rebuild_own

MIRROR = ConsumerSpec("mirror", "accounts", SERVICE, ("account.>",), "projector")
REACTION = ConsumerSpec(SERVICE, "payments", SERVICE, ("account.paid",), "reactor")


@pytest.fixture
def reader(database: Database) -> StoreReader:
    return StoreReader(database)


@pytest.fixture
async def mirror(database: Database, store: EventStore, reader: StoreReader) -> Projector:
    """A projector that keeps the accounts table, which the store's own projection does not touch here."""
    store._inline = ()
    return Projector(database, MIRROR, [Accounts()], reader)


async def balances(database: Database) -> list[int]:
    async with database.system() as connection:
        return [row[0] for row in await connection.fetch("SELECT balance FROM accounts ORDER BY opened_at")]


async def test_events_that_come_late_twice_or_out_of_order_are_applied_once_in_order(
    store: EventStore, database: Database, mirror: Projector, reader: StoreReader
) -> None:
    context = a_context(new_id())
    for payments in (3, 5, 8):
        await open_account(store, context, payments)
    events, _ = await reader.after(SERVICE, 0, MIRROR.patterns)
    shuffled = [*events, *events]
    random.Random(7).shuffle(shuffled)
    for event in shuffled:
        await mirror.handle(event)
    assert await balances(database) == [3, 5, 8]


async def test_what_the_bus_lost_is_read_from_the_owner(
    store: EventStore, database: Database, mirror: Projector
) -> None:
    await open_account(store, a_context(new_id()), payments=4)
    assert await mirror.catch_up() == 5
    assert await mirror.catch_up() == 0
    assert await balances(database) == [4]


async def test_an_error_is_raised_told_and_not_skipped(
    store: EventStore, database: Database, mirror: Projector, reader: StoreReader
) -> None:
    await open_account(store, a_context(new_id()), payments=1)
    events, _ = await reader.after(SERVICE, 0, MIRROR.patterns)
    broken = Projector(database, MIRROR, [_Broken()], reader)
    with pytest.raises(RuntimeError):
        await broken.handle(events[1])
    assert broken.stuck is not None and "account.paid" in broken.stuck
    await mirror.catch_up()
    assert await balances(database) == [1]


class _Broken(Accounts):
    def __init__(self) -> None:
        super().__init__()
        self._handlers = Accounts()._handlers

    async def apply(self, connection: object, event: Envelope) -> None:
        if event.type == "account.paid":
            raise RuntimeError
        await super().apply(connection, event)


async def test_an_event_of_a_type_that_only_a_newer_version_knows_changes_nothing_and_stops_nothing(
    store: EventStore, database: Database, mirror: Projector, reader: StoreReader
) -> None:
    """As while an upgrade runs: the owner is newer than who listens."""
    context = a_context(new_id())
    account_id = await open_account(store, context, payments=1)
    closed = type(
        "AccountClosed", (EventPayload,), {"type": "account.closed", "owner": SERVICE, "__module__": __name__}
    )
    async with store.transaction(context.scope) as transaction:
        payments = [closed(), MoneyPaid(account_id=account_id, amount=4)]
        await transaction.append(context, f"account-{account_id}", 2, payments)
    del REGISTRY["account.closed"]
    await mirror.catch_up()
    async with database.system() as connection:
        assert await connection.fetchval("SELECT version FROM applied_versions") == 4
    assert mirror.stuck is None and await balances(database) == [5]
    assert (await rebuild_foreign(database, Accounts(), mirror, reader)).differences == []


async def test_of_two_processes_that_begin_a_reactor_the_first_decides_from_where_on(
    store: EventStore, database: Database
) -> None:
    """Else what happens while the second still looks for the head would be nobody's to react to."""
    context, reacted = a_context(new_id()), list[Envelope]()

    async def reaction(transaction: Transaction, event: Envelope, context: Context) -> None:
        reacted.append(event)

    class Slow(StoreReader):
        """Finds the head after the other process has begun, and something has happened since."""

        async def after(self, *which: Any) -> tuple[list[Envelope], int]:
            if not first.begun:
                await first.begin()
                await open_account(store, context, payments=1)
            return await super().after(*which)

    await open_account(store, context, payments=1)
    reader = StoreReader(database)
    first = Reactor(store, REACTION, reaction, reader)
    await Reactor(store, REACTION, reaction, Slow(database)).begin()
    events, _ = await reader.after(SERVICE, 0, REACTION.patterns)
    for event in events:
        await first.handle(event)
    assert reacted == events[1:]


async def test_an_own_projection_equals_its_rebuild_and_a_planted_fault_is_found_and_repaired(
    store: EventStore, database: Database
) -> None:
    context = a_context(new_id())
    await open_account(store, context, payments=3)
    await open_account(store, a_context(new_id()), payments=2)
    assert (await rebuild_own(database, SERVICE, Accounts())).differences == []
    async with database.system() as connection:
        await connection.execute("UPDATE accounts SET balance = 99 WHERE balance = 3")
    report = await rebuild_own(database, SERVICE, Accounts(), repair=True)
    assert len(report.differences) == 2
    assert (await rebuild_own(database, SERVICE, Accounts())).differences == []
    assert await balances(database) == [3, 2]


async def test_a_foreign_projection_equals_its_rebuild_while_events_arrive(
    store: EventStore, database: Database, mirror: Projector, reader: StoreReader
) -> None:
    context = a_context(new_id())
    writing = asyncio.gather(*(open_account(store, context, payments=10) for _ in range(4)))
    for _ in range(5):
        report = await rebuild_foreign(database, Accounts(), mirror, reader)
        assert report.differences == []
    await writing
    assert (await rebuild_foreign(database, Accounts(), mirror, reader, repair=True)).rows == 4


async def react_to(store: EventStore, reader: StoreReader, failures: int, seen: list[Envelope]) -> Reactor:
    left = failures

    async def reaction(transaction: Transaction, event: Envelope, context: Context) -> None:
        nonlocal left
        assert (context.causation_id, context.tenant_id) == (event.event_id, event.tenant_id)
        await transaction.add_work("told", str(event.event_id))
        seen.append(event)
        if left:
            left -= 1
            raise ValueError

    delays = (timedelta(milliseconds=1), timedelta(milliseconds=2))
    return Reactor(store, REACTION, reaction, reader, RetryPolicy(delays))


async def rows(database: Database, query: str) -> int:
    async with database.system() as connection:
        return int(await connection.fetchval(query))


async def test_a_reaction_happens_once_for_an_event_that_comes_often(
    store: EventStore, database: Database, reader: StoreReader
) -> None:
    await open_account(store, a_context(new_id()), payments=1)
    seen: list[Envelope] = []
    reactor = await react_to(store, reader, 0, seen)
    [event], _ = await reader.after(SERVICE, 0, REACTION.patterns)
    await asyncio.gather(*(reactor.handle(event) for _ in range(5)))
    assert len(seen) == 1
    assert await rows(database, "SELECT count(*) FROM work") == 1


async def test_a_failing_reaction_leaves_nothing_behind_is_delayed_more_each_time_and_parked(
    store: EventStore, database: Database, reader: StoreReader
) -> None:
    await open_account(store, a_context(new_id()), payments=1)
    seen: list[Envelope] = []
    reactor = await react_to(store, reader, 99, seen)
    [event], _ = await reader.after(SERVICE, 0, REACTION.patterns)
    delays = []
    for _ in range(2):
        with pytest.raises(ReactionFailed) as failed:
            await reactor.handle(event)
        delays.append(failed.value.after)
    assert delays == sorted(delays) and delays[0] < delays[1]
    await reactor.handle(event)
    await reactor.handle(event)
    assert len(seen) == 3
    assert await rows(database, "SELECT count(*) FROM work") == 0
    assert await rows(database, "SELECT count(*) FROM dead_letters") == 1


async def test_the_audit_takes_what_the_bus_lost_and_prunes_what_is_done(
    store: EventStore, database: Database, reader: StoreReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minirag_eventstore.reactor.GRACE", timedelta(0))
    await open_account(store, a_context(new_id()), payments=6)
    seen: list[Envelope] = []
    reactor = await react_to(store, reader, 0, seen)
    events, _ = await reader.after(SERVICE, 0, REACTION.patterns)
    for event in events[::2]:
        await reactor.handle(event)
    assert await reactor.audit() == 3
    assert await reactor.audit() == 0
    assert await rows(database, "SELECT count(*) FROM inbox") == 0
    for event in events:
        await reactor.handle(event)
    assert len(seen) == 6
    assert await rows(database, "SELECT count(*) FROM inbox") == 0


async def test_a_reactor_that_never_ran_does_not_react_to_the_past(
    store: EventStore, database: Database, reader: StoreReader
) -> None:
    account_id = await open_account(store, context := a_context(new_id()), payments=3)
    seen: list[Envelope] = []
    reactor = await react_to(store, reader, 0, seen)
    await reactor.begin()
    async with store.transaction(context.scope) as transaction:
        paid = MoneyPaid(account_id=account_id, amount=1)
        await transaction.append(context, f"account-{account_id}", 4, [paid])
    events, _ = await reader.after(SERVICE, 0, REACTION.patterns)
    for event in events:
        await reactor.handle(event)
    assert len(seen) == 1
    async with database.system() as connection:
        assert await progress.of(connection, REACTION.durable) == 4


async def test_a_rebuild_and_a_writer_wait_for_each_other_in_one_order(
    store: EventStore, database: Database
) -> None:
    context = a_context(new_id())
    account_id = await open_account(store, context)
    async with asyncio.TaskGroup() as group, store.transaction(context.scope) as transaction:
        # As an append does it, events first, but with a pause before the projection.
        await transaction.connection.execute("LOCK TABLE events IN ROW EXCLUSIVE MODE")
        rebuilding = group.create_task(rebuild_own(database, SERVICE, Accounts(), repair=True))
        await done_or_waiting(rebuilding, database)
        await transaction.append(
            context, f"account-{account_id}", 1, [MoneyPaid(account_id=account_id, amount=7)]
        )
    assert rebuilding.result().differences == []
    assert await balances(database) == [7]
