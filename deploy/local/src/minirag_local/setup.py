"""``python -m minirag_local.setup``: the one job that makes database, roles, schemas, streams and consumers.

Safe to repeat; with ``--only-bus`` it restores what the bus should have.
"""

import argparse
import asyncio
from pathlib import Path

import asyncpg
from minirag_contracts.topology import SERVICES
from minirag_eventstore.errors import MigrationMismatch
from minirag_eventstore.migrate import migrate, prepare_database
from minirag_messaging import Bus, topology

from minirag_local.credentials import ADMIN, SYSTEM, Credentials
from minirag_local.errors import StackError
from minirag_local.folder import DataFolder
from minirag_local.gate import wait_at_gate
from minirag_local.postgres_server import database_url

OWNER = "minirag_owner"
"""Owns every table and logs in nowhere."""

DATABASE = "minirag"


def main() -> None:
    """Do it; a person's sentence instead of a traceback for what a person can put right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--nats", required=True, help="URL of the bus")
    parser.add_argument("--sockets", required=True, help="folder of Postgres' socket")
    parser.add_argument("--only-bus", action="store_true")
    options = parser.parse_args()
    wait_at_gate()
    try:
        asyncio.run(_run(options))
    except StackError as error:
        raise SystemExit(str(error)) from error


async def _run(options: argparse.Namespace) -> None:
    credentials = Credentials.of(DataFolder(options.data))
    jobs = [prepare_bus(options.nats, credentials)]
    if not options.only_bus:
        jobs.append(prepare_postgres(options.sockets, credentials))
    await asyncio.gather(*jobs)


async def prepare_bus(url: str, credentials: Credentials) -> None:
    """Streams, consumers and the object store, as the topology says."""
    bus = await Bus.connect(url, SYSTEM, credentials.nats[SYSTEM], "setup")
    try:
        await topology.apply(bus)
    finally:
        await bus.close()


async def prepare_postgres(sockets: str, credentials: Credentials) -> None:
    """Database, roles and every service's schema."""
    admin = credentials.postgres[ADMIN]
    await _create_database(database_url(sockets, ADMIN, admin, "postgres"))
    connection = await asyncpg.connect(database_url(sockets, ADMIN, admin, DATABASE))
    try:
        passwords = {role: password for role, password in credentials.postgres.items() if role != ADMIN}
        await prepare_database(connection, OWNER, passwords)
        for service in SERVICES:
            await _migrate(connection, service)
    finally:
        await connection.close()


async def _create_database(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
            await connection.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await connection.close()


async def _migrate(connection: "asyncpg.Connection[asyncpg.Record]", service: str) -> None:
    try:
        await migrate(connection, OWNER, service)
    except MigrationMismatch as error:
        raise StackError(f"The database of {service} cannot be used by this version: {error}.") from error


if __name__ == "__main__":
    main()
