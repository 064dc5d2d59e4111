"""The tail under concurrent writers: nothing skipped, no stream inverted; and an auditor that would notice."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import pytest
from ledger import SERVICE, AccountOpened, MoneyPaid, a_context
from minirag_contracts.envelope import Envelope
from minirag_contracts.ids import new_id
from minirag_eventstore import Connection, Database, EventStore, log, tail
from minirag_eventstore.rows import COLUMNS, envelope_of
from tail_auditor import WRITERS, audit, write

Read = Callable[[Connection, Sequence[Envelope]], Awaitable[list[Envelope]]]


async def observe(database: Database, read: Read, done: asyncio.Event) -> list[Envelope]:
    """Reads all the while, as a relay or a subscriber does, and once more when the writers have ended."""
    seen: list[Envelope] = []
    while True:
        last = done.is_set()
        async with database.system() as connection:
            seen += await read(connection, seen)
        if last:
            return seen
        await asyncio.sleep(0.001)


async def by_position(connection: Connection, seen: Sequence[Envelope]) -> list[Envelope]:
    """Our tail."""
    await tail.number(connection, SERVICE, 50)
    events, _ = await tail.read(connection, SERVICE, (seen[-1].position or 0) if seen else 0, limit=50)
    return events


async def by_id(connection: Connection, seen: Sequence[Envelope]) -> list[Envelope]:
    """The planted bug: everything after the last id."""
    last = 0
    if seen:
        last = await connection.fetchval("SELECT id FROM events WHERE event_id = $1", seen[-1].event_id)
    rows = await connection.fetch(f"SELECT {COLUMNS} FROM events WHERE id > $1 ORDER BY id", last)
    return [envelope_of(SERVICE, row) for row in rows]


async def by_transaction(connection: Connection, seen: Sequence[Envelope]) -> list[Envelope]:
    """The other planted bug: committed transactions in the order of their ids."""
    rows = await connection.fetch(
        f"""SELECT {COLUMNS} FROM events WHERE event_id <> ALL($1)
            AND xmin::text::bigint < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
            ORDER BY xmin::text::bigint, id""",
        [event.event_id for event in seen],
    )
    return [envelope_of(SERVICE, row) for row in rows]


async def run(store: EventStore, read: Read) -> list[str]:
    committed: set[UUID] = set()
    done = asyncio.Event()
    observer = asyncio.create_task(observe(store.database, read, done))
    context = a_context()
    await asyncio.gather(*(write(store, context, seed, committed) for seed in range(WRITERS)))
    done.set()
    seen = await observer
    while True:
        async with store.database.system() as connection:
            more = await read(connection, seen)
        if not more:
            return audit(seen, committed)
        seen += more


async def test_reading_by_position_sees_every_committed_event_once_and_in_order(store: EventStore) -> None:
    assert await run(store, by_position) == []
    async with store.database.system() as connection:
        positions = [
            row[0] for row in await connection.fetch("SELECT position FROM events ORDER BY position")
        ]
    assert positions == list(range(1, len(positions) + 1))


async def test_the_auditor_catches_reading_by_id(store: EventStore) -> None:
    faults = await run(store, by_id)
    assert any("skipped" in fault for fault in faults)


async def interleave(store: EventStore) -> set[UUID]:
    """A transaction that began before another one goes on with a stream that the other one began."""
    context, first, second = a_context(), new_id(), new_id()
    async with store.transaction(context.scope) as early:
        events = await early.append(context, f"account-{first}", 0, [AccountOpened(account_id=first)])
        async with store.transaction(context.scope) as late:
            events += await late.append(context, f"account-{second}", 0, [AccountOpened(account_id=second)])
        paid = MoneyPaid(account_id=second, amount=1)
        events += await early.append(context, f"account-{second}", 1, [paid])
    return {event.event_id for event in events}


@pytest.mark.parametrize(("read", "fault"), [(by_position, None), (by_transaction, "jumps")])
async def test_the_auditor_catches_ordering_by_transaction(
    store: EventStore, read: Read, fault: str | None
) -> None:
    committed = await interleave(store)
    async with store.database.system() as connection:
        faults = audit(await read(connection, []), committed)
    assert (not faults) if fault is None else any(fault in found for found in faults)


async def test_the_order_of_ids_is_that_of_versions(store: EventStore) -> None:
    """What numbering stands on: whoever inserts version n+1 has seen version n committed."""
    committed: set[UUID] = set()
    context = a_context()
    await asyncio.gather(*(write(store, context, seed, committed) for seed in range(4)))
    async with store.database.system() as connection:
        seen = [event async for event in log.all_events(connection, SERVICE)]
    assert audit(seen, committed) == []


@pytest.mark.parametrize(
    ("patterns", "expected"), [([], 4), (["account.>"], 4), (["account.opened"], 1), (["other.>"], 0)]
)
async def test_patterns_choose_event_types(store: EventStore, patterns: list[str], expected: int) -> None:
    context = a_context()
    account_id = new_id()
    async with store.transaction(context.scope) as transaction:
        payments = [MoneyPaid(account_id=account_id, amount=1)] * 3
        await transaction.append(
            context, f"account-{account_id}", 0, [AccountOpened(account_id=account_id), *payments]
        )
    async with store.database.system() as connection:
        await tail.number(connection, SERVICE)
        events, head = await tail.read(connection, SERVICE, 0, patterns=patterns)
    assert (len(events), head) == (expected, 4)
