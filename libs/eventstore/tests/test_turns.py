"""Tenants take turns: however much one of them has waiting, the others' work is claimed next."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

from contexts import a_context
from minirag_contracts.context import Context
from minirag_contracts.ids import new_id
from minirag_eventstore import EventStore, WorkItem, WorkRunner, work
from minirag_eventstore.work import CLAIM, Turns

LEASE = timedelta(seconds=30)
MANY = 100_000


async def add(
    store: EventStore, context: Context, count: int, due: str = "-1 hour", kind: str = "job"
) -> None:
    """So many pieces, due one after the other."""
    async with store.database.system() as connection:
        await connection.execute(
            """INSERT INTO work (work_id, tenant_id, kind, key, payload, due_at)
               SELECT gen_random_uuid(), $1::uuid, $2, $1::uuid::text || ':' || n, '{}',
                      now() + $3::text::interval + n * interval '1 microsecond'
               FROM generate_series(1, $4) AS n""",
            context.tenant_id,
            kind,
            due,
            count,
        )


async def claimed(store: EventStore, limit: int, turns: Turns | None = None) -> list[WorkItem]:
    async with store.database.system() as connection:
        return await work.claim(connection, "job", new_id(), LEASE, limit, turns)


async def test_each_tenant_has_its_turn_before_one_has_two(store: EventStore) -> None:
    bulk, others = a_context(new_id()), [a_context(new_id()) for _ in range(5)]
    await add(store, bulk, 300, due="-2 hours")
    for other in others:
        await add(store, other, 1)
    first = await claimed(store, 6)
    assert Counter(item.tenant_id for item in first) == Counter(
        context.tenant_id for context in (bulk, *others)
    )
    second = await claimed(store, 6)
    assert [item.tenant_id for item in second] == [bulk.tenant_id] * 6
    keys = [item.key for item in (*first, *second) if item.tenant_id == bulk.tenant_id]
    assert keys == [f"{bulk.tenant_id}:{n}" for n in range(1, 8)], "of a tenant, the longest due first"


async def test_claims_one_at_a_time_go_round(store: EventStore) -> None:
    tenants = [a_context(new_id()) for _ in range(4)]
    for context in tenants:
        await add(store, context, 20)
    turns = Turns()
    served = [(await claimed(store, 1, turns))[0].tenant_id for _ in range(12)]
    for start in (0, 4, 8):
        assert set(served[start : start + 4]) == {context.tenant_id for context in tenants}
    assert served[:4] == served[4:8] == served[8:]


async def test_who_runs_less_comes_first_and_nobody_gets_more_than_the_share(store: EventStore) -> None:
    busy, quiet = a_context(new_id()), a_context(new_id())
    await add(store, busy, 10, due="-2 hours")
    await add(store, quiet, 10)
    turns = Turns(share=3, running=lambda: {busy.tenant_id: 2})
    found = [item.tenant_id for item in await claimed(store, 10, turns)]
    assert found[:2] == [quiet.tenant_id] * 2, "the quiet one until both run the same"
    assert Counter(found) == {quiet.tenant_id: 3, busy.tenant_id: 1}
    assert await claimed(store, 10, Turns(share=3, running=lambda: dict.fromkeys(found, 3))) == []


async def test_processes_that_claim_at_once_take_different_pieces_and_leave_none(store: EventStore) -> None:
    contexts = [a_context(new_id()) for _ in range(3)]
    for count, context in zip((150, 40, 10), contexts, strict=True):
        await add(store, context, count)

    async def process() -> list[UUID]:
        turns, mine = Turns(), []
        while items := await claimed(store, 4, turns):
            mine += [item.work_id for item in items]
        return mine

    taken = await asyncio.gather(*(process() for _ in range(6)))
    ids = [work_id for mine in taken for work_id in mine]
    assert len(ids) == len(set(ids))
    rest = await claimed(store, 200)
    assert len(ids) + len(rest) == 200
    assert len(rest) <= 20, "a claim gave up although there was a lot left"


async def plan_of(store: EventStore, limit: int) -> tuple[float, str]:
    """Buffers that a claim touches and the nodes of its plan; it is rolled back."""
    async with store.database.system() as connection:
        await connection.execute("ANALYZE work")
    async with store.database.system() as connection:
        transaction = connection.transaction()
        await transaction.start()
        arguments = ("job", new_id(), LEASE, limit, new_id(), [], [], limit, 2 * limit * limit)
        text = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {CLAIM}", *arguments)
        await transaction.rollback()
    root = json.loads(text)[0]["Plan"]
    return root["Shared Hit Blocks"] + root["Shared Read Blocks"], text


async def test_a_claim_costs_the_same_with_a_hundred_thousand_pieces_due(store: EventStore) -> None:
    bulk = a_context(new_id())
    await add(store, bulk, MANY)
    for _ in range(20):
        await add(store, a_context(new_id()), 1)
    blocks, plan = await plan_of(store, 4)
    assert '"Seq Scan"' not in plan
    assert "work_by_tenant" in plan
    assert blocks < 600, plan
    assert len({item.tenant_id for item in await claimed(store, 21)}) == 21


async def test_what_is_due_later_is_passed_over_and_costs_nothing_where_nothing_is_due(
    store: EventStore,
) -> None:
    async with store.database.system() as connection:
        await connection.execute(
            """INSERT INTO work (work_id, tenant_id, kind, key, payload, due_at)
               SELECT gen_random_uuid(), gen_random_uuid(), 'job', n::text, '{}', now() + interval '1 day'
               FROM generate_series(1, $1) AS n""",
            MANY,
        )
    idle, plan = await plan_of(store, 4)
    assert idle < 30, plan
    late = a_context(new_id())
    await add(store, late, 1)
    blocks, plan = await plan_of(store, 4)
    assert blocks < 3000, plan
    assert [item.tenant_id for item in await claimed(store, 4)] == [late.tenant_id]


@asynccontextmanager
async def running(runner: WorkRunner) -> AsyncIterator[None]:
    task = asyncio.create_task(runner.run())
    try:
        yield
    finally:
        await runner.drain(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Bench:
    """A handler whose pieces end when they are told to."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self.started: list[UUID] = []
        self._gates: dict[str, asyncio.Event] = {}

    async def __call__(self, item: WorkItem) -> None:
        self.started.append(item.tenant_id)
        await self._gates.setdefault(item.key, asyncio.Event()).wait()
        async with self._store.transaction(item.scope) as transaction:
            await item.finish(transaction)

    def let_go(self) -> None:
        for gate in self._gates.values():
            gate.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.01)


def runner_of(store: EventStore, handle: Callable[[WorkItem], Awaitable[None]]) -> WorkRunner:
    return WorkRunner(store, "job", handle, concurrency=4, share=2, lease=LEASE, poll=timedelta(seconds=60))


async def test_a_newcomer_starts_while_a_bulk_load_has_all_that_it_may_have(store: EventStore) -> None:
    bulk, newcomer, bench = a_context(new_id()), a_context(new_id()), Bench(store)
    runner = runner_of(store, bench)
    async with running(runner):
        async with store.transaction(bulk.scope) as transaction:
            for number in range(10):
                await runner.add(transaction, f"bulk-{number}")
        await bench.until(lambda: len(bench.started) == 2)
        async with store.transaction(newcomer.scope) as transaction:
            await runner.add(transaction, "single")
        await bench.until(lambda: len(bench.started) == 3)
        assert bench.started == [bulk.tenant_id, bulk.tenant_id, newcomer.tenant_id]
        await asyncio.sleep(0.1)
        assert runner.running == 3, "the bulk load took the room that is kept for others"


async def test_a_burst_of_transactions_starts_no_more_than_the_share(store: EventStore) -> None:
    bulk, other, bench = a_context(new_id()), a_context(new_id()), Bench(store)
    runner = runner_of(store, bench)
    most: Counter[UUID] = Counter()

    async def one(context: Context, number: int) -> None:
        async with store.transaction(context.scope) as transaction:
            await runner.add(transaction, f"{context.tenant_id}-{number}")
        most[context.tenant_id] = max(most[context.tenant_id], runner._pieces()[context.tenant_id])
        most[UUID(int=0)] = max(most[UUID(int=0)], runner.running)

    async with running(runner):
        await asyncio.sleep(0.1)
        await asyncio.gather(*(one(context, number) for number in range(12) for context in (bulk, other)))
        await bench.until(lambda: len(bench.started) >= 4)
        await asyncio.sleep(0.1)
        assert Counter(bench.started) == {bulk.tenant_id: 2, other.tenant_id: 2}
        assert most == {bulk.tenant_id: 2, other.tenant_id: 2, UUID(int=0): 4}


async def test_what_waits_for_its_tenants_share_starts_when_a_piece_ends(store: EventStore) -> None:
    bulk, bench = a_context(new_id()), Bench(store)
    runner = runner_of(store, bench)
    async with running(runner):
        async with store.transaction(bulk.scope) as transaction:
            for number in range(10):
                await runner.add(transaction, f"bulk-{number}")
        for ended in (2, 4, 6, 8):
            await bench.until(lambda count=ended: len(bench.started) == count)  # type: ignore[misc]
            bench.let_go()
        await bench.until(lambda: len(bench.started) == 10)
