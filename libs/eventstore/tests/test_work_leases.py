"""Leases and their renewal, also by a process that stood still meanwhile."""

import asyncio
import time
from datetime import timedelta

from contexts import a_context
from minirag_contracts.ids import new_id
from minirag_eventstore import EventStore, WorkItem, WorkRunner, work


async def test_a_process_that_stood_still_renews_what_it_runs_before_it_claims(store: EventStore) -> None:
    begun: list[int] = []

    async def handle(item: WorkItem) -> None:
        begun.append(item.attempt)
        await asyncio.Event().wait()

    context, lease = a_context(new_id()), timedelta(seconds=30)
    runner = WorkRunner(store, "job", handle, lease=lease, poll=timedelta(hours=1))
    task = asyncio.create_task(runner.run())
    async with store.transaction(context.scope) as transaction:
        await runner.add(transaction, "runs")
    async with asyncio.timeout(10):
        while not begun:
            await asyncio.sleep(0.01)
        async with store.transaction(context.scope) as transaction:
            await transaction.connection.execute("UPDATE work SET lease_until = now() - interval '1 second'")
            await transaction.add_work("job", "waits")
        runner._renewed = time.monotonic() - 31  # its loop stood still
        runner.wake()
        while len(begun) < 2:
            await asyncio.sleep(0.01)
    async with store.database.system() as connection:
        rows = await connection.fetch("SELECT key, attempts FROM work WHERE lease_until > now() ORDER BY key")
    assert begun == [1, 1]
    assert [tuple(row) for row in rows] == [("runs", 1), ("waits", 1)]
    await runner.drain(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_renewal_takes_the_lease_and_not_the_piece(store: EventStore) -> None:
    async with store.transaction(a_context(new_id()).scope) as transaction:
        await transaction.add_work("job", "one")
        await transaction.add_work("job", "two")
    async with store.database.system() as connection:
        one, two = await work.claim(connection, "job", new_id(), timedelta(seconds=-1), 2)
        [again] = await work.claim(connection, "job", new_id(), timedelta(seconds=30), 1)
        old = one if one.work_id == again.work_id else two
        other = two if old is one else one
        held = [(item.work_id, item.lease_owner) for item in (old, other, again)]
        assert await work.renew(connection, held, timedelta(seconds=30)) == set(held[1:])
