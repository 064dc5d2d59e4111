"""A person's erasure in one service: remembered for a day, and repeated until then for what came too late."""

import pytest
from ledger import PlainSeal
from minirag_contracts.context import TenantScope
from minirag_contracts.ids import new_id
from minirag_eventstore import Database, EventStore, Transaction
from minirag_service.persons import Persons, is_erased

ADA = "visitor:ada"


@pytest.fixture
def store(database: Database) -> EventStore:
    return EventStore("chat", database, (), PlainSeal())


async def remembers(database: Database, scope: TenantScope, actor: str = ADA) -> bool:
    async with database.tenant(scope) as connection:
        return await is_erased(connection, actor)


async def test_a_person_is_erased_again_for_a_day_and_then_forgotten(
    store: EventStore, database: Database
) -> None:
    scope, other = TenantScope(new_id()), TenantScope(new_id())
    erased: list[tuple[TenantScope, str]] = []

    async def hook(transaction: Transaction, actor: str) -> int:
        erased.append((transaction.scope, actor))
        return 2

    persons = Persons(store, [hook])
    await persons.erase_again()
    assert erased == []
    assert await persons.erase(scope, ADA) == 2
    assert await persons.erase(scope, ADA) == 2, "it may be asked for again"
    assert await remembers(database, scope)
    assert not await remembers(database, scope, "visitor:bob")
    assert not await remembers(database, other), "who has the same id elsewhere is somebody else"
    await persons.erase_again()
    assert erased == [(scope, ADA)] * 3

    async with database.system() as connection:
        await connection.execute("UPDATE erased_persons SET erased_at = now() - interval '25 hours'")
    await persons.erase_again()
    assert erased == [(scope, ADA)] * 4, "once more at the end: nobody knows when it was done before"
    assert not await remembers(database, scope)
    await persons.erase_again()
    assert len(erased) == 4
