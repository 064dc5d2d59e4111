"""Migrations: once each, in order, and never a history that has changed; roles that own nothing."""

import secrets

import asyncpg
import pytest
from ledger import TABLES, core_and
from minirag_eventstore.errors import MigrationMismatch
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
