"""Who did what, when, from where: read from the events and from what is kept beside them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from ledger import SERVICE, AccountOpened, MoneyPaid, a_context, open_account
from minirag_contracts.context import Context
from minirag_contracts.envelope import follow
from minirag_contracts.ids import new_id
from minirag_eventstore import Database, EventStore
from minirag_eventstore.audit import Entry, Question, read, statement_of


async def audited(database: Database, context: Context, limit: int = 100, **question: Any) -> list[Entry]:
    async with database.tenant(context.scope) as connection:
        return await read(connection, SERVICE, Question(**question), limit)


def from_somewhere(**fields: Any) -> Context:
    return a_context(command_id=new_id(), address="192.0.2.7", agent="curl/8", **fields)


async def origins(database: Database) -> int:
    async with database.system() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM event_origins"))


async def test_newest_come_first_and_pages_meet_without_gap_or_overlap(
    store: EventStore, database: Database
) -> None:
    context = a_context()
    await open_account(store, context, payments=6)
    whole = await audited(database, context)
    assert [entry.event.version for entry in whole] == [7, 6, 5, 4, 3, 2, 1]
    pages: list[Entry] = []
    while True:
        before = (pages[-1].event.recorded_at, pages[-1].event.event_id) if pages else None
        page = await audited(database, context, 3, before=before)
        if not page:
            break
        pages += page
        await open_account(store, context)  # newer ones shift nothing
    assert pages == whole


async def test_the_events_of_one_command_share_one_origin(store: EventStore, database: Database) -> None:
    context, account_id = from_somewhere(), new_id()
    async with store.transaction(context.scope) as transaction:
        stream = f"account-{account_id}"
        await transaction.append(context, stream, 0, [AccountOpened(account_id=account_id)])
        await transaction.append(context, stream, 1, [MoneyPaid(account_id=account_id, amount=1)] * 2)
    entries = await audited(database, context)
    assert [(entry.address, entry.agent) for entry in entries] == [("192.0.2.7", "curl/8")] * 3
    assert await origins(database) == 1


async def test_an_event_without_command_has_an_origin_of_its_own(
    store: EventStore, database: Database
) -> None:
    context = a_context(address="192.0.2.7")
    await open_account(store, context, payments=1)
    assert [entry.address for entry in await audited(database, context)] == ["192.0.2.7"] * 2
    assert await origins(database) == 2


async def test_a_reaction_was_asked_for_from_nowhere(store: EventStore, database: Database) -> None:
    context, account_id, stream = a_context(address="192.0.2.7"), new_id(), "account-1"
    async with store.transaction(context.scope) as transaction:
        opened = await transaction.append(context, stream, 0, [AccountOpened(account_id=account_id)])
    reaction = follow(opened[0], SERVICE)
    async with store.transaction(reaction.scope) as transaction:
        await transaction.append(reaction, stream, 1, [MoneyPaid(account_id=account_id, amount=1)])
    assert [entry.address for entry in await audited(database, context)] == ["", "192.0.2.7"]


async def test_what_is_rolled_back_leaves_no_origin(store: EventStore, database: Database) -> None:
    context = from_somewhere()
    with pytest.raises(RuntimeError):
        async with store.transaction(context.scope) as transaction:
            await transaction.append(context, "account-1", 0, [AccountOpened(account_id=new_id())])
            raise RuntimeError
    assert await origins(database) == 0


async def test_an_erased_origin_leaves_the_event(store: EventStore, database: Database) -> None:
    context = from_somewhere()
    await open_account(store, context)
    async with database.tenant(context.scope) as connection:
        await connection.execute("DELETE FROM event_origins")
    assert [(entry.address, entry.agent) for entry in await audited(database, context)] == [("", "")]


async def test_nobody_reads_anybody_elses(store: EventStore, database: Database) -> None:
    await open_account(store, from_somewhere())
    assert await audited(database, a_context()) == []


async def test_entries_are_chosen_by_actor_type_and_time(store: EventStore, database: Database) -> None:
    context = a_context()
    await open_account(store, context, payments=2)
    moment = datetime.now(UTC)
    await open_account(store, context)

    async def count(**question: Any) -> int:
        return len(await audited(database, context, **question))

    assert await count(actor="user:test") == 4
    assert await count(actor="user:other") == 0
    assert await count(types=["account.paid"]) == 2
    assert await count(types=["account.*"], without=["*.paid"]) == 2
    assert await count(since=moment) == 1
    assert await count(until=moment) == 3


@pytest.mark.parametrize("before", [None, (datetime(2100, 1, 1, tzinfo=UTC), new_id())])
async def test_a_rare_actor_is_found_by_an_index_behind_row_level_security(
    store: EventStore, database: Database, before: Any
) -> None:
    """The plan that the tenant's role gets, also once the server has stopped to look at the arguments."""
    context = a_context()
    for _ in range(30):
        await open_account(store, context, payments=99)
    question = Question(before=before, actor="user:rare")
    for mode in ("force_custom_plan", "force_generic_plan"):
        async with database.tenant(context.scope) as connection:
            await connection.execute(f"SET LOCAL plan_cache_mode = {mode}")
            statement, arguments = statement_of(question, 50)
            lines = [row[0] for row in await connection.fetch("EXPLAIN " + statement, *arguments)]
        [at] = [number for number, line in enumerate(lines) if "events_of_tenant_by_actor" in line]
        assert "Index Cond" in lines[at + 1] and "actor = " in lines[at + 1], lines
    assert await audited(database, context, actor="user:rare") == []
