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


async def test_a_changed_or_unknown_migration_refuses(connection: asyncpg.Connection) -> None:
    await migrate(connection, OWNER, SERVICE, core_and(TABLES))
    with pytest.raises(MigrationMismatch, match="has changed"):
        await migrate(connection, OWNER, SERVICE, core_and(Migration(TABLES.name, TABLES.sql + "-- another")))
    with pytest.raises(MigrationMismatch, match="newer version"):
        await migrate(connection, OWNER, SERVICE, core_and())


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
