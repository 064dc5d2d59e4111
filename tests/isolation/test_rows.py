"""Row-level security on the real server, table by table from the catalogue: a new table is covered on the day it is made."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol
from uuid import UUID

import asyncpg
import pytest
from minirag_contracts.context import TenantScope
from minirag_contracts.topology import SERVICES
from minirag_eventstore import Database

MINE = "(tenant_id = minirag.tenant())"

UNUSED = "((used_at IS NULL) AND (minirag.tenant() IS NOT NULL))"

OURS, THEIRS, FRESH = UUID(int=0xA), UUID(int=0xB), UUID(int=0xC)
"""Two tenants with rows, and one without."""

ROWS = 1
"""Rows of each tenant in each table: some tables have the tenant as their key."""

WITHOUT_TENANTS = {"relay", "lost_positions", "progress", "schema_migrations"}
"""Places of the relay and of consumers, and what was migrated: figures of a service, of no tenant."""

STARTED = "((chat.own_only() IS NULL) OR (started_by = chat.own_only()))"

TURN_OF_STARTED = "((chat.own_only() IS NULL) OR (EXISTS ( SELECT\n   FROM chat.chats\n  WHERE (chats.chat_id = turns.chat_id))))"

BESIDES: dict[str, list[tuple[list[str], str, str, str, str | None]]] = {
    "gateway.invites": [
        (["gateway"], "PERMISSIVE", "UPDATE", UNUSED, MINE),
        (["gateway"], "PERMISSIVE", "SELECT", UNUSED, None),
    ],
    "chat.chats": [(["chat"], "RESTRICTIVE", "ALL", STARTED, None)],
    "chat.turns": [(["chat"], "RESTRICTIVE", "ALL", TURN_OF_STARTED, None)],
}
"""Policies that a table has besides the two: who signs up takes an invite that is nobody's; some see their own chats only."""

VALUES = {
    "uuid": "gen_random_uuid()",
    "text": "md5(random()::text)",
    "boolean": "true",
    "jsonb": "'{}'",
    "bytea": "decode(md5(random()::text), 'hex')",
    "date": "current_date - (random() * 9999)::int",
    "timestamp with time zone": "now() - random() * interval '9 days'",
    "interval": "random() * interval '9 days'",
    "inet": "'127.0.0.1'",
    **dict.fromkeys(
        ("smallint", "integer", "bigint", "numeric", "double precision", "real"), "(random() * 9999)::int"
    ),
}
"""A value for each type of column; a new type is a new line."""

COLUMNS = """
SELECT c.relname AS table_name, a.attname AS name, format_type(a.atttypid, NULL) AS type
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
  AND a.attidentity = '' AND a.attgenerated = ''
"""

CONSTRAINTS = """
SELECT conrelid::regclass::text AS table_name, conname FROM pg_constraint
WHERE contype IN ('c', 'f') AND conrelid <> 0 AND connamespace = $1::regnamespace
"""


class Whole(Protocol):
    """The fixture of the root: one database with every schema."""

    admin: str

    def url(self, role: str) -> str: ...


@pytest.fixture(scope="module")
def filled(whole_database: Whole) -> Whole:
    """Rows of two tenants in every table that has tenants."""
    asyncio.run(_fill(whole_database.admin))
    return whole_database


async def _fill(url: str) -> None:
    admin = await asyncpg.connect(url)
    for service in SERVICES:
        for row in await admin.fetch(
            CONSTRAINTS, service
        ):  # the rows make no sense; the policies do not mind
            await admin.execute(f'ALTER TABLE {row["table_name"]} DROP CONSTRAINT "{row["conname"]}"')
        for table in await tables_of(admin, service):
            await admin.execute(f"TRUNCATE {service}.{table} CASCADE")
            for tenant in (OURS, THEIRS):
                await admin.execute(await insertion(admin, service, table, tenant))
    await admin.close()


async def tables_of(admin: asyncpg.Connection, service: str) -> list[str]:
    """The service's tables with a tenant_id."""
    rows = await admin.fetch(COLUMNS, service)
    return sorted({row["table_name"] for row in rows if row["name"] == "tenant_id"})


async def insertion(admin: asyncpg.Connection, service: str, table: str, tenant: UUID) -> str:
    """SQL that adds a row of the tenant."""
    values: dict[str, str] = {}
    for row in await admin.fetch(COLUMNS, service):
        if row["table_name"] == table:
            given = "'{}'" if row["type"].endswith("[]") else VALUES[row["type"]]
            values[row["name"]] = f"'{tenant}'" if row["name"] == "tenant_id" else given
    return f"INSERT INTO {service}.{table} ({', '.join(values)}) VALUES ({', '.join(values.values())})"


class Undo(Exception):
    """Ends a transaction that shall change nothing."""


@asynccontextmanager
async def attempt(connection: asyncpg.Connection, tenant: UUID | None) -> AsyncIterator[None]:
    """A transaction with a tenant's setting or without one, rolled back."""
    try:
        async with connection.transaction():
            if tenant:
                await connection.execute("SELECT set_config('minirag.tenant', $1, true)", str(tenant))
            yield
            raise Undo
    except Undo:
        return


async def affected(connection: asyncpg.Connection, tenant: UUID | None, sql: str) -> int | None:
    """How many rows a statement touches under a setting; None where the server refuses it."""
    count: int | None = None
    try:
        async with attempt(connection, tenant):
            count = int((await connection.execute(sql)).rsplit(" ", 1)[-1])
    except asyncpg.InsufficientPrivilegeError:
        return None
    return count


async def digest(admin: asyncpg.Connection, service: str, table: str) -> Any:
    rows = f"SELECT t.*::text AS line FROM {service}.{table} t"
    return await admin.fetchval(f"SELECT md5(string_agg(line, '' ORDER BY line)) FROM ({rows}) AS found")


@pytest.fixture
async def admin(filled: Whole) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(filled.admin)
    yield connection
    await connection.close()


@pytest.fixture(params=SERVICES)
async def role(request: pytest.FixtureRequest, filled: Whole) -> AsyncIterator[asyncpg.Connection]:
    """A connection as each service's own role, in its schema."""
    connection = await asyncpg.connect(
        filled.url(request.param), server_settings={"search_path": request.param}
    )
    yield connection
    await connection.close()


async def named(role: asyncpg.Connection) -> str:
    return str(await role.fetchval("SELECT current_user"))


async def test_without_a_tenant_there_are_no_rows_to_read_or_change(
    role: asyncpg.Connection, admin: asyncpg.Connection
) -> None:
    service = await named(role)
    tables = await tables_of(admin, service)
    assert len(tables) >= 7
    for table in tables:
        before = await digest(admin, service, table)
        for sql in (
            f"SELECT * FROM {table}",
            f"UPDATE {table} SET tenant_id = tenant_id",
            f"DELETE FROM {table}",
        ):
            assert await affected(role, None, sql) in (0, None), sql
        assert await affected(role, None, f"SELECT * FROM {table}") == 0
        for tenant in (OURS, THEIRS):
            assert await affected(role, None, await insertion(admin, service, table, tenant)) is None
        assert await affected(role, None, f"TRUNCATE {table}") is None
        assert await digest(admin, service, table) == before


async def test_under_anothers_setting_our_rows_are_not_there(
    role: asyncpg.Connection, admin: asyncpg.Connection
) -> None:
    service = await named(role)
    for table in await tables_of(admin, service):
        before = await digest(admin, service, table)
        assert await affected(role, THEIRS, f"SELECT * FROM {table}") == ROWS, "their own they see"
        assert await affected(role, THEIRS, f"SELECT * FROM {table} WHERE tenant_id = '{OURS}'") == 0
        for sql in (f"UPDATE {table} SET tenant_id = tenant_id", f"DELETE FROM {table}"):
            assert await affected(role, THEIRS, sql) in (ROWS, None), sql
            assert await affected(role, THEIRS, f"{sql} WHERE tenant_id = '{OURS}'") in (0, None), sql
        assert await affected(role, THEIRS, f"UPDATE {table} SET tenant_id = '{OURS}'") is None
        assert await affected(role, THEIRS, await insertion(admin, service, table, OURS)) is None
        assert await affected(role, FRESH, await insertion(admin, service, table, FRESH)) == 1
        assert await digest(admin, service, table) == before


async def test_a_row_of_ours_cannot_be_overwritten_by_its_key(
    role: asyncpg.Connection, admin: asyncpg.Connection
) -> None:
    """An upsert on a key that another tenant has: refused, and not turned into an update of what is not seen."""
    service = await named(role)
    for table in await tables_of(admin, service):
        columns = [row["name"] for row in await admin.fetch(COLUMNS, service) if row["table_name"] == table]
        row = await admin.fetchrow(f"SELECT * FROM {service}.{table} WHERE tenant_id = $1 LIMIT 1", OURS)
        assert row is not None
        changed = {**{name: row[name] for name in columns}, "tenant_id": THEIRS}
        places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
        key = await admin.fetchval(
            "SELECT string_agg(a.attname, ', ') FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid "
            "AND a.attnum = ANY(i.indkey) WHERE i.indrelid = $1::regclass AND i.indisprimary",
            f"{service}.{table}",
        )
        if "tenant_id" in key.split(", ") or not set(key.split(", ")) <= set(columns):
            continue  # another tenant's key is another key; or the server alone gives it
        sql = (
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places}) "
            f"ON CONFLICT ({key}) DO UPDATE SET tenant_id = excluded.tenant_id"
        )
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.UniqueViolationError)):
            async with attempt(role, THEIRS):
                await role.execute(sql, *changed.values())


async def test_what_has_no_tenant_is_known_and_of_no_tenant(admin: asyncpg.Connection) -> None:
    for service in SERVICES:
        rows = await admin.fetch(COLUMNS, service)
        free = {row["table_name"] for row in rows} - set(await tables_of(admin, service))
        assert free == WITHOUT_TENANTS
        usable = {
            table
            for table in free
            if await admin.fetchval(
                "SELECT has_table_privilege($1, $2, 'SELECT, INSERT, UPDATE, DELETE')",
                service,
                f"{service}.{table}",
            )
        }
        assert usable == {"progress", "lost_positions"}


async def test_every_table_is_forced_under_its_two_policies(admin: asyncpg.Connection) -> None:
    for service in SERVICES:
        for table in await tables_of(admin, service):
            flags = await admin.fetchrow(
                "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = $1::regclass",
                f"{service}.{table}",
            )
            assert tuple(flags or ()) == (True, True), table
            policies = await admin.fetch(
                "SELECT roles, permissive, cmd, qual, with_check FROM pg_policies "
                "WHERE schemaname = $1 AND tablename = $2 ORDER BY policyname",
                service,
                table,
            )
            found = [tuple(policy) for policy in policies]
            own = [
                ([f"{service}_system"], "PERMISSIVE", "ALL", "true", "true"),
                ([service], "PERMISSIVE", "ALL", MINE, MINE),
            ]
            assert [policy for policy in found if policy not in own] == BESIDES.get(
                f"{service}.{table}", []
            ), table
            assert all(policy in found for policy in own), table


async def test_the_roles_own_nothing_and_are_nobody_else(admin: asyncpg.Connection) -> None:
    roles = [role for service in SERVICES for role in (service, f"{service}_system")]
    powers = await admin.fetch(
        "SELECT rolname FROM pg_roles WHERE rolname = ANY($1) AND (rolsuper OR rolbypassrls OR rolcreaterole "
        "OR rolcreatedb OR rolreplication)",
        roles,
    )
    assert powers == []
    members = await admin.fetch(
        "SELECT 1 FROM pg_auth_members m JOIN pg_roles r ON r.oid IN (m.member, m.roleid) WHERE r.rolname = ANY($1)",
        roles,
    )
    assert members == []
    for catalogue, owner in (("pg_class", "relowner"), ("pg_namespace", "nspowner"), ("pg_proc", "proowner")):
        owned = await admin.fetch(
            f"SELECT 1 FROM {catalogue} WHERE {owner} IN (SELECT oid FROM pg_roles WHERE rolname = ANY($1))",
            roles,
        )
        assert owned == [], catalogue


async def test_nothing_in_the_schemas_runs_or_looks_with_its_owners_rights(admin: asyncpg.Connection) -> None:
    namespaces = [*SERVICES, "minirag", "public"]
    functions = await admin.fetch(
        "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace::regnamespace::text = ANY($1)",
        namespaces,
    )
    views = await admin.fetch(
        "SELECT relname FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace::regnamespace::text = ANY($1) "
        "AND NOT coalesce(reloptions @> '{security_invoker=true}', false)",
        namespaces,
    )
    assert functions == views == []


async def test_a_service_cannot_even_look_into_anothers_schema(filled: Whole) -> None:
    for service in SERVICES:
        for name in (service, f"{service}_system"):
            connection = await asyncpg.connect(filled.url(name))
            for other in SERVICES:
                if other != service:
                    with pytest.raises(asyncpg.InsufficientPrivilegeError, match=f"schema {other}"):
                        await connection.fetch(f"SELECT 1 FROM {other}.events")
            await connection.close()


TRICKS = (
    "SET LOCAL ROLE {service}_system",
    "SET ROLE minirag_owner",
    "SET SESSION AUTHORIZATION {service}_system",
    "SELECT set_config('role', '{service}_system', true)",
    "SELECT set_config('session_authorization', '{service}_system', true)",
    "ALTER ROLE {service} BYPASSRLS",
    "GRANT {service}_system TO {service}",
    "ALTER TABLE events DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE events NO FORCE ROW LEVEL SECURITY",
    "ALTER POLICY of_tenant ON events USING (true)",
    "DROP POLICY of_tenant ON events",
    "CREATE POLICY mine ON events USING (true)",
    "ALTER TABLE events OWNER TO {service}",
    "DROP TABLE events",
    "CREATE TABLE copy AS TABLE events",
    "CREATE FUNCTION stolen() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE OR REPLACE FUNCTION minirag.tenant() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid'",
    "SET LOCAL session_replication_role = replica",
    "COPY events TO PROGRAM 'cat'",
    "SELECT pg_read_file('/etc/hostname')",
)


async def test_no_trick_inside_a_transaction_makes_more_of_a_role(role: asyncpg.Connection) -> None:
    service = await named(role)
    for trick in TRICKS:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with attempt(role, THEIRS):
                await role.execute(trick.format(service=service))
        assert await named(role) == service
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        async with attempt(role, THEIRS):
            await role.execute("SET LOCAL row_security = off")
            await role.fetch("SELECT * FROM events")


@pytest.mark.parametrize("service", SERVICES)
async def test_a_pooled_connection_forgets_the_tenant_with_its_transaction(
    filled: Whole, service: str
) -> None:
    database = await Database.connect(
        service, filled.url(service), filled.url(f"{service}_system"), pool_size=1
    )
    count = "SELECT count(*) FROM events"
    async with database.tenant(TenantScope(OURS)) as connection:
        assert await connection.fetchval(count) == ROWS
    async with database._tenants.acquire() as connection:
        assert await connection.fetchval(count) == 0
    with pytest.raises(Undo):
        async with database.tenant(TenantScope(OURS)) as connection:
            raise Undo
    with pytest.raises(asyncpg.PostgresError):
        async with database.tenant(TenantScope(OURS)) as connection:
            await connection.execute("SELECT 1 / 0")
    waiting = asyncio.create_task(_sleep(database))
    await asyncio.sleep(0.05)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    async with database._tenants.acquire() as connection:
        assert await connection.fetchval(count) == 0
        assert await connection.fetchval("SELECT minirag.tenant()") is None
    async with database.tenant(TenantScope(THEIRS)) as connection:
        assert await connection.fetchval(f"{count} WHERE tenant_id = $1", OURS) == 0
    await database.close()


async def _sleep(database: Database) -> None:
    async with database.tenant(TenantScope(OURS)) as connection:
        await connection.execute("SELECT pg_sleep(5)")
