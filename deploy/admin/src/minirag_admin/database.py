"""The database of a deployment: made, with its roles, and migrated. Safe to repeat."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

import asyncpg
from minirag_contracts.topology import SERVICES
from minirag_eventstore.errors import MigrationBlocked, MigrationMismatch
from minirag_eventstore.migrate import Phase, migrate, prepare_database

from minirag_admin.credentials import service_roles
from minirag_admin.errors import StackError

OWNER = "minirag_owner"
"""Owns every table and logs in nowhere."""

ALONE = 7_265_120_951
"""The lock that makes one administrator wait for the other."""

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


async def prepare(url: str, roles: Mapping[str, str], phase: Phase | None) -> list[str]:
    """Database, roles and every service's schema; answers what was applied. ``phase`` None: all migrations."""
    missing = [role for role in service_roles() if not roles.get(role)]
    if missing:
        raise StackError(f"MINIRAG_ADMIN_ROLES has no password for {', '.join(missing)}.")
    await _create(url)
    async with _alone(url) as connection:
        await prepare_database(connection, OWNER, {role: roles[role] for role in service_roles()})
        return await _migrate_all(connection, phase)


async def migrate_all(url: str, phase: Phase | None) -> list[str]:
    """Every service's schema; answers what was applied."""
    async with _alone(url) as connection:
        return await _migrate_all(connection, phase)


async def _migrate_all(connection: Connection, phase: Phase | None) -> list[str]:
    applied: list[str] = []
    for service in SERVICES:
        try:
            names = await migrate(connection, OWNER, service, phase=phase)
        except MigrationMismatch as error:
            raise StackError(f"The database of {service} cannot be used by this version: {error}.") from error
        except MigrationBlocked as error:
            raise StackError(f"The database of {service} is not up to date yet: {error}.") from error
        applied += [f"{service}: {name}" for name in names]
    return applied


async def _create(url: str) -> None:
    try:
        await (await _connect(url)).close()
    except asyncpg.InvalidCatalogNameError:
        connection = await _connect(url, database="postgres")
        name = unquote(urlsplit(url).path.lstrip("/"))
        try:
            quoted = await connection.fetchval("SELECT quote_ident($1)", name)
            await connection.execute(f"CREATE DATABASE {quoted}")
        except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
            return  # somebody else was quicker
        finally:
            await connection.close()


@asynccontextmanager
async def _alone(url: str) -> AsyncIterator[Connection]:
    connection = await _connect(url)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", ALONE)
        yield connection
    finally:
        await connection.close()


async def _connect(url: str, database: str | None = None) -> Connection:
    try:
        return await asyncpg.connect(url, database=database)
    except asyncpg.InvalidCatalogNameError:
        raise
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise StackError(f"The database cannot be reached: {error}.") from error
