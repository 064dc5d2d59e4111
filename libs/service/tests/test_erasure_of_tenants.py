"""A tenant's erasure in one service: every table but folds and book-keeping, once for the event, and what came too late."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from contexts import a_context
from ledger import SERVICE, TABLES, Accounts, PlainSeal, core_and, open_account
from minirag_contracts.context import TenantScope
from minirag_contracts.envelope import Envelope
from minirag_contracts.events.gateway import TenantErased
from minirag_contracts.ids import new_id
from minirag_contracts.topology import ERASURES, ConsumerSpec
from minirag_eventstore import Database, EventStore, Transaction
from minirag_eventstore.migrate import Migration
from minirag_eventstore.reactor import Reactor
from minirag_eventstore.rebuild import rebuild_own
from minirag_eventstore.rows import record
from minirag_service.erasure import Erasure

CONTENT = Migration(
    "ledger/0002_content.sql",
    """CREATE TABLE papers (tenant_id uuid NOT NULL, paper_id uuid PRIMARY KEY);
       CREATE TABLE a_page (tenant_id uuid NOT NULL, paper_id uuid NOT NULL REFERENCES papers, text text);
       CREATE TABLE register (tenant_id uuid NOT NULL, name text);
       SELECT minirag.protect('papers'), minirag.protect('a_page'), minirag.protect('register');""",
)
SPEC = ConsumerSpec(SERVICE, ERASURES, "gateway", ("tenant.erased",), "reactor")


@pytest.fixture
async def database(make_database: Callable[..., Awaitable[Database]]) -> Database:
    return await make_database(SERVICE, core_and(TABLES, CONTENT))


@pytest.fixture
def store(database: Database) -> EventStore:
    return EventStore(SERVICE, database, [Accounts()], PlainSeal())


async def write(database: Database, tenant_id: UUID) -> None:
    paper_id = new_id()
    async with database.tenant(TenantScope(tenant_id)) as connection:
        await connection.execute("INSERT INTO papers VALUES ($1, $2)", tenant_id, paper_id)
        await connection.execute("INSERT INTO a_page VALUES ($1, $2, 'words')", tenant_id, paper_id)
        await connection.execute("INSERT INTO register VALUES ($1, 'name')", tenant_id)


async def counts(database: Database, tenant_id: UUID) -> dict[str, int]:
    async with database.tenant(TenantScope(tenant_id)) as connection:
        return {
            table: await connection.fetchval(f"SELECT count(*) FROM {table}")
            for table in ("papers", "a_page", "register", "accounts", "events", "commands")
        }


async def test_all_but_folds_and_what_is_kept_goes_once_and_other_tenants_keep_everything(
    store: EventStore, database: Database
) -> None:
    gone, other = new_id(), new_id()
    for tenant_id in (gone, other):
        await open_account(store, a_context(tenant_id), payments=1)
        await write(database, tenant_id)
    before = await counts(database, other)
    outside: list[UUID] = []

    async def hook(transaction: Transaction) -> None:
        outside.append(transaction.scope.tenant_id)

    erasure = Erasure(store, ["register"], [hook])
    assert not await erasure.heard_of(TenantScope(gone)), "nothing is touched without the event"
    assert (await counts(database, gone))["papers"] == 1

    (event,) = record("gateway", a_context(gone), f"tenant-{gone}", 1, [TenantErased()])
    reactor = Reactor(store, SPEC, erasure.react, NoReader(), from_start=True)  # type: ignore[arg-type]
    await reactor.begin()
    assert reactor.begun, "without its owner: a service is well before the gateway is there"
    await reactor.handle(event)
    await reactor.handle(event)
    assert outside == [gone]
    left = await counts(database, gone)
    assert left == {"papers": 0, "a_page": 0, "register": 1, "accounts": 1, "events": 2, "commands": 0}
    assert await counts(database, other) == before
    assert (await rebuild_own(database, SERVICE, Accounts())).differences == []

    await write(database, gone)
    await erasure.erase_again()
    assert (await counts(database, gone))["a_page"] == 0
    await write(database, gone)
    assert await erasure.heard_of(TenantScope(gone))
    assert (await counts(database, gone))["papers"] == 0
    assert await counts(database, other) == before


class NoReader:
    """Nobody's events are read here."""

    async def after(self, *_: object) -> tuple[list[Envelope], int]:
        raise AssertionError
