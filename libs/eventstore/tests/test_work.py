"""Leased work: nobody loses it, one process has it, failures are retried and parked."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from contexts import a_context
from minirag_contracts.context import Context
from minirag_contracts.ids import new_id
from minirag_eventstore import (
    Database,
    EventStore,
    LeaseLost,
    Postpone,
    RetryPolicy,
    Transaction,
    WorkItem,
    WorkRunner,
    dead_letters,
    work,
)
from minirag_eventstore.errors import was_interrupted
from prometheus_client import REGISTRY

SOON = timedelta(milliseconds=20)
QUICK = RetryPolicy((SOON, SOON))


@asynccontextmanager
async def running(runner: WorkRunner) -> AsyncIterator[None]:
    task = asyncio.create_task(runner.run())
    try:
        yield
    finally:
        await runner.drain(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.01)


async def count(store: EventStore, table: str) -> int:
    async with store.database.system() as connection:
        return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))


async def add(store: EventStore, context: Context, *keys: str) -> None:
    async with store.transaction(context.scope) as transaction:
        for key in keys:
            await transaction.add_work("job", key)


def runner_of(
    store: EventStore, handle: Callable[[WorkItem], Awaitable[None]], **options: object
) -> WorkRunner:
    options = {"lease": timedelta(seconds=30), "retry": QUICK, "poll": SOON, **options}
    return WorkRunner(store, "job", handle, **options)  # type: ignore[arg-type]


async def test_each_piece_runs_once_however_many_runners_there_are(store: EventStore) -> None:
    done: list[str] = []

    async def handle(item: WorkItem) -> None:
        await asyncio.sleep(0.005)
        async with store.transaction(item.scope) as transaction:
            await item.finish(transaction)
        done.append(item.key)

    keys = [f"key-{number}" for number in range(40)]
    await add(store, a_context(new_id()), *keys)
    await add(store, a_context(new_id()), *keys)
    async with running(runner_of(store, handle)), running(runner_of(store, handle)):
        await until(lambda: _empty(store))
    assert sorted(done) == sorted(keys)


async def _empty(store: EventStore) -> bool:
    return await count(store, "work") == 0


def _ended() -> list[float]:
    """How many attempts have failed and were parked, and how many pieces were given up on, as the metrics tell."""
    outcomes = [{"kind": "job", "outcome": outcome} for outcome in ("failed", "parked")]
    found = [REGISTRY.get_sample_value("minirag_work_seconds_count", labels) for labels in outcomes]
    return [
        value or 0.0 for value in (*found, REGISTRY.get_sample_value("minirag_parked_total", {"kind": "job"}))
    ]


async def test_failures_are_retried_then_parked_with_what_follows(store: EventStore) -> None:
    attempts: list[int] = []
    parked: list[str] = []
    before = _ended()

    async def handle(item: WorkItem) -> None:
        attempts.append(item.attempt)
        raise ValueError("a visitor's words")

    async def on_parked(transaction: Transaction, item: WorkItem, error: str) -> None:
        parked.append(error)

    async def announce(letter: dead_letters.Letter) -> None:
        assert await count(store, "dead_letters") == 1, "announced before the commit"
        announced.append(letter)

    announced: list[dead_letters.Letter] = []
    context = a_context(new_id())
    await add(store, context, "key")
    runner = runner_of(store, handle, on_parked=on_parked)
    runner.announce = announce
    async with running(runner):
        await until(lambda: _empty(store))
        await until(lambda: _is(announced, 1))
    assert (attempts, parked) == ([1, 2, 3], ["ValueError"])
    assert [after - old for after, old in zip(_ended(), before, strict=True)] == [2, 1, 1]
    [told] = announced
    assert (told.tenant_id, told.kind, told.key, told.attempts) == (context.tenant_id, "job", "key", 3)
    async with store.database.system() as connection:
        assert await dead_letters.waiting(connection, None) == [(told.letter_id, context.tenant_id)]
        letter = await dead_letters.look_at(connection, told.letter_id)
    assert letter is not None and (letter["kind"], letter["key"]) == ("job", "key")


async def test_a_postponed_piece_does_not_use_up_attempts(store: EventStore) -> None:
    attempts: list[int] = []

    async def handle(item: WorkItem) -> None:
        attempts.append(item.attempt)
        if len(attempts) < 6:
            raise Postpone(SOON)
        async with store.transaction(item.scope) as transaction:
            await item.finish(transaction)

    await add(store, a_context(new_id()), "key")
    async with running(runner_of(store, handle)):
        await until(lambda: _empty(store))
    assert attempts == [1] * 6


async def test_the_lease_of_a_dead_process_runs_out_and_its_work_is_taken_up(store: EventStore) -> None:
    await add(store, a_context(new_id()), "key")
    async with store.database.system() as connection:
        dead = await work.claim(
            connection, "job", a_context(new_id()).scope.tenant_id, timedelta(milliseconds=100), 1
        )
    taken: list[int] = []

    async def handle(item: WorkItem) -> None:
        taken.append(item.attempt)
        async with store.transaction(item.scope) as transaction:
            await item.finish(transaction)

    async with running(runner_of(store, handle)):
        await until(lambda: _empty(store))
    assert taken == [2]
    with pytest.raises(LeaseLost):
        async with store.transaction(dead[0].scope) as transaction:
            await dead[0].finish(transaction)


async def test_a_crash_loop_counts_as_attempts(store: EventStore) -> None:
    await add(store, a_context(new_id()), "key")
    for _ in range(QUICK.attempts):
        async with store.database.system() as connection:
            assert await work.claim(connection, "job", a_context(new_id()).scope.tenant_id, timedelta(0), 1)
    ran: list[WorkItem] = []

    async def handle(item: WorkItem) -> None:
        ran.append(item)

    async with running(runner_of(store, handle)):
        await until(lambda: _empty(store))
    assert ran == []
    assert await count(store, "dead_letters") == 1


async def test_long_work_keeps_its_lease(store: EventStore) -> None:
    attempts: list[int] = []
    long_enough, lease = asyncio.Event(), timedelta(seconds=3)

    async def handle(item: WorkItem) -> None:
        attempts.append(item.attempt)
        await long_enough.wait()
        async with store.transaction(item.scope) as transaction:
            await item.finish(transaction)

    async def ends() -> datetime | None:
        async with store.database.system() as connection:
            end: datetime | None = await connection.fetchval("SELECT lease_until FROM work")
        return end

    async def prolonged() -> bool:
        now = await ends()
        return first is not None and now is not None and now > first + lease

    await add(store, a_context(new_id()), "key")
    async with running(runner_of(store, handle, lease=lease)), running(runner_of(store, handle, lease=lease)):
        await until(lambda: _is(attempts, 1))
        first = await ends()
        await until(prolonged, 30)
        long_enough.set()
        await until(lambda: _empty(store))
    assert attempts == [1]


async def test_what_follows_the_commit_is_not_taken_for_a_lost_lease(store: EventStore) -> None:
    ended: list[str] = []

    async def handle(item: WorkItem) -> None:
        async with store.transaction(item.scope) as transaction:
            await item.finish(transaction)
        await asyncio.sleep(0.5)  # a renewal finds no row meanwhile
        ended.append(item.key)

    await add(store, a_context(new_id()), "key")
    async with running(runner_of(store, handle, lease=timedelta(milliseconds=300))):
        await until(lambda: _empty(store))
        await until(lambda: _is(ended, 1))


async def _is(found: Sequence[object], length: int) -> bool:
    return len(found) == length


async def test_draining_gives_unfinished_work_back(store: EventStore) -> None:
    started = asyncio.Event()

    async def handle(item: WorkItem) -> None:
        started.set()
        await asyncio.sleep(60)

    await add(store, a_context(new_id()), "key")
    runner = runner_of(store, handle)
    task = asyncio.create_task(runner.run())
    await started.wait()
    await runner.drain(0.05)
    task.cancel()
    async with store.database.system() as connection:
        row = await connection.fetchrow("SELECT attempts, lease_owner FROM work")
    assert dict(row) == {"attempts": 0, "lease_owner": None}


async def test_work_added_through_its_runner_starts_with_the_commit(store: EventStore) -> None:
    done: list[str] = []

    async def handle(item: WorkItem) -> None:
        async with store.transaction(item.scope) as transaction:
            await item.finish(transaction)
        done.append(item.key)

    runner = runner_of(store, handle, poll=timedelta(seconds=60))
    context = a_context(new_id())
    async with running(runner):
        await asyncio.sleep(0.05)
        with pytest.raises(RuntimeError):
            async with store.transaction(context.scope) as transaction:
                await runner.add(transaction, "never")
                raise RuntimeError
        async with store.transaction(context.scope) as transaction:
            await runner.add(transaction, "now")
        await until(lambda: _empty(store), 1)
    assert done == ["now"]


async def test_many_pieces_of_one_transaction_start_no_more_at_a_time_than_there_is_room(
    store: EventStore,
) -> None:
    context, most = a_context(new_id()), 0

    async def handle(item: WorkItem) -> None:
        nonlocal most
        most = max(most, runner.running)
        await asyncio.sleep(0.002)
        async with store.transaction(item.scope) as transaction:
            await item.finish(transaction)

    runner = runner_of(store, handle, concurrency=3)
    async with running(runner):
        async with store.transaction(context.scope) as transaction:
            for number in range(20):
                await runner.add(transaction, str(number))
        await until(lambda: _none_left(store))
    assert most == 3


async def test_a_transaction_that_is_rolled_back_takes_no_room(store: EventStore) -> None:
    context, started = a_context(new_id()), asyncio.Event()

    async def handle(item: WorkItem) -> None:
        async with store.transaction(item.scope) as transaction:
            await item.finish(transaction)
        started.set()

    runner = runner_of(store, handle, concurrency=1)
    for _ in range(3):
        with pytest.raises(RuntimeError):
            async with store.transaction(context.scope) as transaction:
                await runner.add(transaction, "never")
                raise RuntimeError
    async with store.transaction(context.scope) as transaction:
        await runner.add(transaction, "now")
    await asyncio.wait_for(started.wait(), 5)


async def _none_left(store: EventStore) -> bool:
    return await count(store, "work") == 0


async def test_work_that_was_taken_back_is_cancelled_where_it_runs(store: EventStore) -> None:
    context, begun, ended = a_context(new_id()), asyncio.Event(), asyncio.Event()

    async def handle(item: WorkItem) -> None:
        begun.set()
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    runner = runner_of(store, handle)
    async with running(runner):
        async with store.transaction(context.scope) as transaction:
            for key in ("runs", "waits elsewhere"):
                await runner.add(transaction, key)
        await asyncio.wait_for(begun.wait(), 5)
        async with store.transaction(context.scope) as transaction:
            await transaction.drop_work("job", "runs", "waits elsewhere", "never was")
        assert await count(store, "work") == 0
        await runner._renew()
        await asyncio.wait_for(ended.wait(), 5)
    assert await count(store, "dead_letters") == 0


async def test_taking_work_back_does_not_wait_for_who_is_ending_it(store: EventStore) -> None:
    context = a_context(new_id())
    await add(store, context, "ending", "waiting")
    async with store.transaction(context.scope) as first:
        await first.connection.execute("DELETE FROM work WHERE key = 'ending'")
        async with asyncio.timeout(2), store.transaction(context.scope) as second:
            await second.drop_work("job", "ending", "waiting")
    assert await count(store, "work") == 0


async def test_work_that_is_put_replaces_what_is_there_and_whoever_runs_it_has_no_effect(
    store: EventStore,
) -> None:
    context, started, go_on = a_context(), asyncio.Event(), asyncio.Event()
    lost: list[str] = []

    async def handle(item: WorkItem) -> None:
        started.set()
        await go_on.wait()
        try:
            async with store.transaction(item.scope) as transaction:
                await transaction.add_work("effect", "of the old piece")
                await item.finish(transaction)
        except LeaseLost:
            lost.append(item.key)
            raise

    later = datetime.now(UTC) + timedelta(hours=1)
    await add(store, context, "a")
    async with running(runner_of(store, handle)):
        await started.wait()
        async with store.transaction(context.scope) as transaction:
            await transaction.put_work("job", "a", due=later, payload={"n": 2})
            await transaction.put_work("job", "b", due=later, payload={"n": 3})
        go_on.set()
        async with asyncio.timeout(5):
            while lost != ["a"]:
                await asyncio.sleep(0.01)
    async with store.database.system() as connection:
        rows = await connection.fetch(
            "SELECT kind, key, payload, due_at, attempts, lease_owner FROM work ORDER BY key"
        )
    assert [tuple(row) for row in rows] == [
        ("job", "a", {"n": 2}, later, 0, None),
        ("job", "b", {"n": 3}, later, 0, None),
    ]


async def test_interruptions_are_forgiven_as_often_as_a_runner_was_told_to(store: EventStore) -> None:
    """Deaths show as leases that ran out, a database that goes away as an error of the attempt."""
    await add(store, a_context(new_id()), "key")
    for _ in range(4):
        async with store.database.system() as connection:
            assert await work.claim(connection, "job", a_context(new_id()).scope.tenant_id, timedelta(0), 1)
    ran: list[tuple[int, int, int]] = []

    async def handle(item: WorkItem) -> None:
        ran.append((item.attempt, item.interruptions, item.tries))
        if len(ran) <= 2:
            raise ConnectionRefusedError
        raise ValueError

    async with running(runner_of(store, handle, forgive=6)):
        await until(lambda: _empty(store))
    assert ran == [(5, 4, 1), (6, 5, 1), (7, 6, 1), (8, 6, 2), (9, 6, 3)]
    assert await count(store, "dead_letters") == 1


@pytest.mark.parametrize(
    "error", [TimeoutError(), FileNotFoundError(), OSError(28, "No space left"), asyncpg.DataError()]
)
async def test_what_a_handler_does_wrong_is_no_interruption(store: EventStore, error: Exception) -> None:
    ran: list[int] = []

    async def handle(item: WorkItem) -> None:
        ran.append(item.tries)
        raise error

    await add(store, a_context(new_id()), "key")
    async with running(runner_of(store, handle, forgive=6)):
        await until(lambda: _empty(store))
    assert ran == [1, 2, 3]


async def test_a_database_whose_socket_is_gone_is_an_interruption() -> None:
    """A server on a unix socket takes that away when it stops; a full disk says OSError, too, and is none."""
    pool = await asyncpg.create_pool("postgresql://somebody@/ledger?host=/nowhere", min_size=0)
    database = Database("ledger", "", pool, pool)
    for door in (database.system(), database.tenant(a_context().scope)):
        with pytest.raises(ConnectionError) as failed:
            async with door:
                pass
        assert was_interrupted(failed.value)
    await database.close()


@pytest.mark.parametrize("how", ["ran out", "put anew"])
async def test_what_runs_here_and_is_claimed_again_is_another_lease(store: EventStore, how: str) -> None:
    """A database outage that is longer than a lease lets it run out under a process that still works."""
    context = a_context(new_id())
    begun: list[WorkItem] = []
    ended: list[WorkItem] = []

    async def handle(item: WorkItem) -> None:
        begun.append(item)
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(item)

    await add(store, context, "key")
    runner = runner_of(store, handle)
    async with running(runner):
        await until(lambda: _is(begun, 1))
        async with store.transaction(context.scope) as transaction:
            if how == "ran out":
                await transaction.connection.execute(
                    "UPDATE work SET lease_until = now() - interval '1 second'"
                )
            else:
                await transaction.put_work("job", "key", due=datetime.now(UTC), payload={})
        await until(lambda: _is(begun, 2))
        await until(lambda: _is(ended, 1))
        old, new = begun
        assert ended == [old]
        with pytest.raises(LeaseLost):
            async with store.transaction(context.scope) as transaction:
                await old.finish(transaction)
        await runner._renew()
        await asyncio.sleep(0.05)
        assert (runner.running, ended) == (1, [old]), "the renewal forgot the new claim"
        async with store.transaction(context.scope) as transaction:
            await new.finish(transaction)


async def test_a_piece_that_is_there_already_takes_no_room(store: EventStore) -> None:
    context, started = a_context(new_id()), asyncio.Event()

    async def handle(item: WorkItem) -> None:
        async with store.transaction(item.scope) as transaction:
            await item.finish(transaction)
        started.set()

    await add(store, context, "there")
    runner = runner_of(store, handle, concurrency=1)
    for _ in range(3):
        async with store.transaction(context.scope) as transaction:
            await runner.add(transaction, "there")
    with pytest.raises(asyncpg.PostgresError):
        async with store.transaction(context.scope) as transaction:
            with suppress(asyncpg.PostgresError):
                await transaction.connection.execute("SELECT 1 / 0")
            await runner.add(transaction, "never, as the transaction is broken")
    async with store.transaction(context.scope) as transaction:
        await runner.add(transaction, "now")
    await asyncio.wait_for(started.wait(), 5)
