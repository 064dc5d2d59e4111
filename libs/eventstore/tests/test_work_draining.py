"""A runner that shall stop: what it waits for, and for how long."""

import asyncio

from contexts import a_context
from minirag_contracts.ids import new_id
from minirag_eventstore import EventStore, WorkItem, WorkRunner


async def test_draining_waits_for_what_a_transaction_of_this_moment_starts(store: EventStore) -> None:
    done: list[str] = []

    async def handle(item: WorkItem) -> None:
        async with store.transaction(item.scope) as transaction:
            await item.finish(transaction)
        done.append(item.key)

    runner = WorkRunner(store, "job", handle)
    async with store.transaction(a_context(new_id()).scope) as transaction:
        await runner.add(transaction, "promised")
        draining = asyncio.create_task(runner.drain(5))
        await asyncio.sleep(0)  # it has begun
        assert not runner.running
    await draining
    assert done == ["promised"]


async def test_a_drain_that_is_asked_for_again_takes_no_longer_than_the_second(store: EventStore) -> None:
    started = asyncio.Event()

    async def handle(item: WorkItem) -> None:
        started.set()
        await asyncio.Event().wait()

    runner = WorkRunner(store, "job", handle)
    async with store.transaction(a_context(new_id()).scope) as transaction:
        await runner.add(transaction, "key")
    await started.wait()
    leisurely = asyncio.create_task(runner.drain(3600))
    await runner.drain(0.01)
    async with asyncio.timeout(5):
        await leisurely
