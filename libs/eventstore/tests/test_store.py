"""Append, load, optimistic concurrency, idempotent commands, row-level security."""

import asyncio

import asyncpg
import pytest
from contexts import a_context
from ledger import AccountOpened, Balance, MoneyPaid, Pay, balance_of, open_account
from minirag_contracts.errors import CommandReused, Conflict
from minirag_contracts.ids import new_id
from minirag_eventstore import Database, EventStore, Transaction, VersionConflict


async def test_a_stream_is_loaded_as_it_was_appended(store: EventStore) -> None:
    context = a_context(new_id())
    account_id = await open_account(store, context, payments=3)
    async with store.transaction(context.scope) as transaction:
        assert await transaction.load(f"account-{account_id}", balance_of, 0) == (3, 4)


async def test_several_streams_are_loaded_at_once_in_the_order_of_asking(store: EventStore) -> None:
    context = a_context(new_id())
    accounts = [await open_account(store, context, payments=number) for number in (2, 0, 1)]
    streams = [f"account-{account_id}" for account_id in (*accounts, new_id())]
    async with store.transaction(context.scope) as transaction:
        assert await transaction.load_many(streams, balance_of, 0) == [(2, 3), (0, 1), (1, 2), (0, 0)]
        assert await transaction.load_many([], balance_of, 0) == []


async def test_rows_change_in_the_transaction_of_their_event(store: EventStore) -> None:
    context = a_context(new_id())
    account_id = new_id()
    with pytest.raises(RuntimeError):
        async with store.transaction(context.scope) as transaction:
            await transaction.append(
                context, f"account-{account_id}", 0, [AccountOpened(account_id=account_id)]
            )
            assert await transaction.connection.fetchval("SELECT count(*) FROM accounts") == 1
            raise RuntimeError
    async with store.transaction(context.scope) as transaction:
        assert await transaction.connection.fetchval("SELECT count(*) FROM accounts") == 0


async def test_an_unexpected_version_is_a_conflict(store: EventStore) -> None:
    context = a_context(new_id())
    account_id = await open_account(store, context)
    for version in (0, 2, 7):
        with pytest.raises(VersionConflict):
            async with store.transaction(context.scope) as transaction:
                payment = MoneyPaid(account_id=account_id, amount=1)
                await transaction.append(context, f"account-{account_id}", version, [payment])


async def test_commands_that_race_are_all_carried_out(store: EventStore) -> None:
    context = a_context(new_id())
    account_id = await open_account(store, context)

    async def pay(transaction: Transaction) -> Balance:
        stream = f"account-{account_id}"
        balance, version = await transaction.load(stream, balance_of, 0)
        await transaction.append(context, stream, version, [MoneyPaid(account_id=account_id, amount=1)])
        return Balance(balance=balance + 1)

    request = Pay(account_id=account_id, amount=1)
    replies = await asyncio.gather(*(store.execute(context, request, pay) for _ in range(5)))
    assert sorted(reply.balance for reply in replies) == [1, 2, 3, 4, 5]


async def test_the_same_command_id_has_one_effect_and_one_reply_even_at_once(store: EventStore) -> None:
    opened = a_context(new_id())
    account_id = await open_account(store, opened)
    context = a_context(opened.tenant_id, command_id=new_id())

    async def pay(transaction: Transaction) -> Balance:
        stream = f"account-{account_id}"
        balance, version = await transaction.load(stream, balance_of, 0)
        await asyncio.sleep(0.02)
        await transaction.append(context, stream, version, [MoneyPaid(account_id=account_id, amount=5)])
        return Balance(balance=balance + 5)

    request = Pay(account_id=account_id, amount=5)
    replies = await asyncio.gather(*(store.execute(context, request, pay) for _ in range(6)))
    assert {reply.balance for reply in replies} == {5}
    with pytest.raises(CommandReused):
        await store.execute(context, Pay(account_id=account_id, amount=6), pay)


async def test_a_copy_that_is_refused_because_of_the_commands_own_effect_gets_its_reply(
    store: EventStore,
) -> None:
    context = a_context(new_id(), command_id=new_id())
    account_id, looked, opened = new_id(), asyncio.Event(), asyncio.Event()

    async def open_it(transaction: Transaction) -> Balance:
        await transaction.append(context, f"account-{account_id}", 0, [AccountOpened(account_id=account_id)])
        return Balance(balance=0)

    async def find_it_open(transaction: Transaction) -> Balance:
        looked.set()  # for the reply of an earlier copy, which there was none of
        await opened.wait()
        assert await transaction.load(f"account-{account_id}", balance_of, 0) == (0, 1)
        raise Conflict

    request = Pay(account_id=account_id, amount=0)
    async with asyncio.TaskGroup() as both:
        copy = both.create_task(store.execute(context, request, find_it_open))
        await looked.wait()
        reply = await store.execute(context, request, open_it)
        opened.set()
    assert copy.result() == reply == Balance(balance=0)
    with pytest.raises(Conflict):
        await store.execute(a_context(context.tenant_id, command_id=new_id()), request, find_it_open)


async def test_a_transaction_sees_and_writes_its_own_tenant_only(
    store: EventStore, database: Database
) -> None:
    mine, theirs = a_context(new_id()), a_context(new_id())
    account_id = await open_account(store, theirs)
    async with store.transaction(mine.scope) as transaction:
        assert await transaction.connection.fetchval("SELECT count(*) FROM events") == 0
        assert await transaction.load(f"account-{account_id}", balance_of, 0) == (0, 0)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await transaction.connection.execute(
                "INSERT INTO accounts VALUES ($1, $2, 0, now())", theirs.tenant_id, new_id()
            )
    async with database.system() as connection:
        assert await connection.fetchval("SELECT count(*) FROM accounts") == 1


async def test_without_a_tenant_there_are_no_rows(store: EventStore, database: Database) -> None:
    await open_account(store, a_context(new_id()))
    async with database._tenants.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM events") == 0


async def test_events_cannot_be_changed_or_deleted(store: EventStore, database: Database) -> None:
    context = a_context(new_id())
    await open_account(store, context)
    for statement in ("UPDATE events SET type = 'x'", "DELETE FROM events", "TRUNCATE events"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with database.tenant(context.scope) as connection:
                await connection.execute(statement)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.system() as connection:
            await connection.execute("DELETE FROM events")
