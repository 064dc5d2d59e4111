"""What a tenant reads of its own events: all of them, once, in order, and none of anybody else's."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from ledger import SERVICE, AccountOpened, MoneyPaid, a_context, open_account
from minirag_contracts.context import Context
from minirag_contracts.envelope import Envelope
from minirag_contracts.ids import new_id
from minirag_eventstore import Database, EventStore, tail
from tail_auditor import WRITERS, audit, write

PAGE = 7


async def number_all(database: Database, done: asyncio.Event) -> None:
    """The relay's part, one leader, until there is nothing more to number."""
    while True:
        last = done.is_set()
        async with database.system() as connection:
            fresh = await tail.number(connection, SERVICE, 11)
        if last and not fresh:
            return
        await asyncio.sleep(0.001)


async def subscribe(database: Database, context: Context, numbered: asyncio.Task[None]) -> list[Envelope]:
    """Reads on from the last position, a small page at a time, as the tenant."""
    seen: list[Envelope] = []
    position = 0
    while True:
        last = numbered.done()
        async with database.tenant(context.scope) as connection:
            events, reached = await tail.read(connection, SERVICE, position, limit=PAGE)
        seen += events
        if last and not events:
            return seen
        position = reached
        if not events:
            await asyncio.sleep(0.001)


async def test_each_tenant_reads_its_own_events_and_skips_none_under_eight_writers(
    store: EventStore, database: Database
) -> None:
    tenants = [a_context(), a_context()]
    committed: list[set[UUID]] = [set(), set()]
    done = asyncio.Event()
    numbered = asyncio.create_task(number_all(database, done))
    subscribers = [asyncio.create_task(subscribe(database, context, numbered)) for context in tenants]
    await asyncio.gather(
        *(write(store, tenants[seed % 2], seed, committed[seed % 2]) for seed in range(WRITERS))
    )
    done.set()
    await numbered
    for context, subscriber, wanted in zip(tenants, subscribers, committed, strict=True):
        seen = await subscriber
        assert audit(seen, wanted) == []
        assert {event.tenant_id for event in seen} == {context.tenant_id}


async def test_a_tenants_head_is_its_own(store: EventStore, database: Database) -> None:
    mine, theirs = a_context(), a_context()
    await open_account(store, mine, payments=1)
    await open_account(store, theirs, payments=3)
    async with database.system() as connection:
        await tail.number(connection, SERVICE)
    async with database.tenant(mine.scope) as connection:
        assert await tail.head(connection) == 2
    async with database.tenant(theirs.scope) as connection:
        assert await tail.head(connection) == 6
    async with database.tenant(a_context().scope) as connection:
        assert await tail.head(connection) == 0
        assert await tail.read(connection, SERVICE, 0) == ([], 0)


async def test_a_moment_is_the_position_before_what_was_recorded_since(
    store: EventStore, database: Database
) -> None:
    context = a_context()
    await open_account(store, context, payments=1)
    moment = datetime.now(UTC)
    await open_account(store, context)
    async with database.system() as connection:
        await tail.number(connection, SERVICE)
    async with database.tenant(context.scope) as connection:
        assert await tail.before(connection, moment) == 2
        assert await tail.before(connection, moment - timedelta(days=1)) == 0
        assert await tail.before(connection, moment + timedelta(days=1)) == 3


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["account.*"], 2),
        (["*.paid"], 1),
        ([">"], 2),
        (["account.*.*"], 0),
        (["account.opened", "*.paid"], 2),
    ],
)
async def test_a_pattern_stands_for_tokens(
    store: EventStore, database: Database, patterns: list[str], expected: int
) -> None:
    context, account_id = a_context(), new_id()
    async with store.transaction(context.scope) as transaction:
        paid = MoneyPaid(account_id=account_id, amount=1)
        await transaction.append(
            context, f"account-{account_id}", 0, [AccountOpened(account_id=account_id), paid]
        )
    async with database.system() as connection:
        await tail.number(connection, SERVICE)
    async with database.tenant(context.scope) as connection:
        events, _ = await tail.read(connection, SERVICE, 0, patterns=patterns)
    assert len(events) == expected
