"""Migrations: once each, in order, and never a history that has changed; roles that own nothing."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import pytest
from ledger import TABLES, core_and
from minirag_eventstore.errors import MigrationBlocked, MigrationMismatch
from minirag_eventstore.migrate import Migration, migrate, prepare_database

OWNER = "minirag_owner"
SERVICE = "archive"  # its roles are this module's own, since roles belong to the whole server


@pytest.fixture
async def connection(postgres_url: str):  # type: ignore[no-untyped-def]  # a generator of an untyped driver's connection
    name = f"test_{secrets.token_hex(6)}"
    admin = await asyncpg.connect(postgres_url)
    await admin.execute(f"CREATE DATABASE {name}")
    connection = await asyncpg.connect(postgres_url, database=name)
    await prepare_database(connection, OWNER, {SERVICE: "secret", f"{SERVICE}_system": "secret"})
    yield connection
    await connection.close()
    await admin.close()


async def test_each_migration_is_applied_once(connection: asyncpg.Connection) -> None:
    migrations = core_and(TABLES)
    assert await migrate(connection, OWNER, SERVICE, migrations) == [
        migration.name for migration in migrations
    ]
    assert await migrate(connection, OWNER, SERVICE, migrations) == []


async def test_a_failing_migration_leaves_nothing_behind(connection: asyncpg.Connection) -> None:
    broken = Migration("ledger/0002_broken.sql", "CREATE TABLE half (id int); SELECT nonsense()")
    with pytest.raises(asyncpg.PostgresError):
        await migrate(connection, OWNER, SERVICE, core_and(TABLES, broken))
    assert await migrate(connection, OWNER, SERVICE, core_and(TABLES)) != []


WIDER = Migration("ledger/0002_wider.sql", "ALTER TABLE accounts ADD COLUMN label text")
NARROWER = Migration("ledger/0003_narrower.post.sql", "ALTER TABLE accounts DROP COLUMN opened_at")


@asynccontextmanager
async def another(connection: asyncpg.Connection, postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Somebody else in the same database."""
    name = await connection.fetchval("SELECT current_database()")
    other = await asyncpg.connect(postgres_url, database=name)
    yield other
    await other.close()


@asynccontextmanager
async def exporting(connection: asyncpg.Connection, postgres_url: str) -> AsyncIterator[None]:
    """A long transaction that reads, as pg_dump's."""
    async with another(connection, postgres_url) as export, export.transaction():
        await export.fetch(f"SELECT FROM {SERVICE}.accounts")
        yield


async def test_while_a_migration_waits_behind_a_long_transaction_others_do_not_wait_behind_it(
    connection: asyncpg.Connection, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minirag_eventstore.migrate.LOCK_WAIT", timedelta(seconds=0.3))
    monkeypatch.setattr("minirag_eventstore.migrate.PAUSE", timedelta(seconds=0.1))
    await migrate(connection, OWNER, SERVICE, core_and(TABLES))
    async with another(connection, postgres_url) as user:
        async with exporting(connection, postgres_url):
            migrating = asyncio.create_task(migrate(connection, OWNER, SERVICE, core_and(TABLES, WIDER)))
            async with asyncio.timeout(5):
                while not await user.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                    await asyncio.sleep(0.01)
                await user.fetch(f"SELECT FROM {SERVICE}.accounts")
            assert not migrating.done()
        assert await migrating == [WIDER.name]


async def test_a_migration_that_does_not_get_its_lock_gives_up_with_a_word_and_keeps_what_came_before(
    connection: asyncpg.Connection, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minirag_eventstore.migrate.LOCK_WAIT", timedelta(seconds=0.05))
    monkeypatch.setattr("minirag_eventstore.migrate.PAUSE", timedelta(seconds=0.01))
    monkeypatch.setattr("minirag_eventstore.migrate.ATTEMPTS", 2)
    await migrate(connection, OWNER, SERVICE, core_and(TABLES))
    first = Migration("ledger/0001_before.sql", "CREATE TABLE before_it (id int)")
    async with exporting(connection, postgres_url):
        with pytest.raises(MigrationBlocked, match=WIDER.name):
            await migrate(connection, OWNER, SERVICE, core_and(TABLES, first, WIDER))
    assert await migrate(connection, OWNER, SERVICE, core_and(TABLES, first, WIDER)) == [WIDER.name]


async def test_two_who_migrate_at_once_apply_each_migration_once(
    connection: asyncpg.Connection, postgres_url: str
) -> None:
    async with another(connection, postgres_url) as other:
        done = await asyncio.gather(
            *(migrate(who, OWNER, SERVICE, core_and(TABLES, WIDER)) for who in (connection, other))
        )
    assert sorted(map(len, done)) == [0, len(core_and(TABLES, WIDER))]


async def test_a_changed_migration_refuses(connection: asyncpg.Connection) -> None:
    await migrate(connection, OWNER, SERVICE, core_and(TABLES))
    with pytest.raises(MigrationMismatch, match="has changed"):
        await migrate(connection, OWNER, SERVICE, core_and(Migration(TABLES.name, TABLES.sql + "-- another")))


async def test_an_upgrade_expands_first_and_contracts_when_the_old_version_is_gone(
    connection: asyncpg.Connection,
) -> None:
    newer = core_and(TABLES, WIDER, NARROWER)
    await migrate(connection, OWNER, SERVICE, core_and(TABLES))
    assert await migrate(connection, OWNER, SERVICE, newer, "pre") == [WIDER.name]
    assert await migrate(connection, OWNER, SERVICE, newer, "pre") == []
    assert await migrate(connection, OWNER, SERVICE, newer, "post") == [NARROWER.name]


async def test_without_a_phase_and_on_a_new_schema_all_are_applied_in_their_order(
    connection: asyncpg.Connection,
) -> None:
    everything = core_and(TABLES, WIDER, NARROWER)
    assert await migrate(connection, OWNER, SERVICE, everything, "pre") == [m.name for m in everything]
    another = Migration("ledger/0004_another.sql", "ALTER TABLE accounts ADD COLUMN another text")
    last = Migration("ledger/0005_last.post.sql", "ALTER TABLE accounts DROP COLUMN another")
    assert await migrate(connection, OWNER, SERVICE, core_and(TABLES, WIDER, NARROWER, another, last)) == [
        another.name,
        last.name,
    ]


async def test_the_version_before_starts_on_an_expanded_schema_and_not_on_a_contracted_one(
    connection: asyncpg.Connection,
) -> None:
    older, newer = core_and(TABLES), core_and(TABLES, WIDER, NARROWER)
    await migrate(connection, OWNER, SERVICE, older)
    await migrate(connection, OWNER, SERVICE, newer, "pre")
    assert await migrate(connection, OWNER, SERVICE, older) == []
    await migrate(connection, OWNER, SERVICE, newer, "post")
    with pytest.raises(MigrationMismatch, match=r"a newer version .*ledger/0003_narrower\.post\.sql"):
        await migrate(connection, OWNER, SERVICE, older)


async def test_the_roles_own_nothing_and_every_table_with_a_tenant_is_forced_under_row_level_security(
    connection: asyncpg.Connection,
) -> None:
    await migrate(connection, OWNER, SERVICE, core_and(TABLES))
    owners = await connection.fetch(
        "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = $1", SERVICE
    )
    assert [row[0] for row in owners] == [OWNER]
    unprotected = await connection.fetch(
        """SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
           WHERE c.relnamespace = $1::regnamespace AND c.relkind = 'r' AND NOT (c.relrowsecurity AND c.relforcerowsecurity)""",
        SERVICE,
    )
    assert unprotected == []
    bypassing = await connection.fetch(
        "SELECT rolname FROM pg_roles WHERE rolname LIKE $1 AND rolbypassrls", f"{SERVICE}%"
    )
    assert bypassing == []
