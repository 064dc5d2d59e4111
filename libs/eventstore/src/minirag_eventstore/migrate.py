"""Applies a schema's migrations, each once, in the order of their names, and refuses a history that has changed.

``NNNN_name.sql`` expands (*pre*): the version before can live with it. ``NNNN_name.post.sql`` contracts (*post*): it runs when
no process of that version is left. ``docs/upgrades.md`` has the rules.
"""

import asyncio
import hashlib
import logging
import random
import zlib
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Literal, get_args

import asyncpg

from minirag_eventstore.errors import MigrationBlocked, MigrationMismatch

logger = logging.getLogger(__name__)

Phase = Literal["pre", "post"]

PHASES: tuple[Phase, ...] = get_args(Phase)

LOCK_WAIT = timedelta(seconds=3)
"""How long a migration waits for a lock. Whoever needs the table meanwhile waits behind it."""
PAUSE = timedelta(seconds=3)
"""Between two attempts, more or less: for those who waited."""
ATTEMPTS = 20

_SPACE = 0x4D53  # beside the leaders' in the database's advisory locks


@dataclass(frozen=True, slots=True)
class Migration:
    """One SQL file; ``{service}`` in it stands for the schema and its role."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, kept with the record that it was applied."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def phase(self) -> Phase:
        """When an upgrade runs it: before its processes start, or after the last of the old ones has ended."""
        return phase_of(self.name)


def phase_of(name: str) -> Phase:
    """The phase of a migration, also of one that this build does not have."""
    return "post" if name.endswith(".post.sql") else "pre"


def migrations_of(service: str) -> list[Migration]:
    """The event core's migrations, then those of the service's package ``minirag_<service>``."""
    own = files(f"minirag_{service}") / "migrations"
    core = [
        Migration(f"core/{item.name}", item.read_text())
        for item in _sql(files("minirag_eventstore") / "migrations")
    ]
    return [*core, *(Migration(f"{service}/{item.name}", item.read_text()) for item in _sql(own))]


def _sql(folder: Traversable) -> list[Traversable]:
    """The numbered SQL files of a folder."""
    found = [item for item in folder.iterdir() if item.name.endswith(".sql") and item.name[0].isdigit()]
    return sorted(found, key=lambda item: item.name)


async def prepare_database(connection: asyncpg.Connection, owner: str, passwords: dict[str, str]) -> None:
    """Makes the owner role, one schema and two login roles for each service; ``passwords`` is by role name.

    Run by a superuser, or by who may create roles and owns the database; safe to repeat (passwords are set anew). Neither
    of a service's roles owns anything.
    """
    for role in (owner, *passwords):
        if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
            await connection.execute(f'CREATE ROLE "{role}"')
    for role, password in passwords.items():
        literal = await connection.fetchval("SELECT quote_literal($1)", password)
        await connection.execute(f'ALTER ROLE "{role}" LOGIN PASSWORD {literal}')
        if await connection.fetchval(
            "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = $1", role
        ):  # only a superuser may say it, so it is said where it changes something
            await connection.execute(f'ALTER ROLE "{role}" NOSUPERUSER NOBYPASSRLS')
    if not await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
        await connection.execute(f'GRANT "{owner}" TO CURRENT_USER')
    database = await connection.fetchval("SELECT current_database()")
    await connection.execute(f'GRANT CREATE, TEMPORARY ON DATABASE "{database}" TO "{owner}"')
    await connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    await connection.execute(f'SET ROLE "{owner}"')
    await connection.execute((files("minirag_eventstore") / "migrations" / "cluster.sql").read_text())
    await connection.execute("RESET ROLE")


async def migrate(
    connection: asyncpg.Connection,
    owner: str,
    service: str,
    migrations: Iterable[Migration] | None = None,
    phase: Phase | None = None,
) -> list[str]:
    """Brings one service's schema up to date, each file in a transaction of its own; answers the names of what was applied.

    With a ``phase`` only its migrations; a schema that is new gets all of them, since nobody uses it yet. Raises
    MigrationMismatch when an applied migration is not what it was, or this build cannot work on what the schema has become;
    MigrationBlocked when somebody does not let go of a table. What was applied before that stays.
    """
    wanted = list(migrations if migrations is not None else migrations_of(service))
    async with _alone(connection, service):
        applied = await _applied(connection, owner, service)
        _check(applied, wanted)
        fresh = [
            migration
            for migration in wanted
            if migration.name not in applied and (not applied or phase in (None, migration.phase))
        ]
        # A new schema is made whole or not at all: what is half made would not be known as new the next time.
        for part in [[migration] for migration in fresh] if applied else [fresh]:
            await _apply_patiently(connection, owner, service, part)
    return [migration.name for migration in fresh]


@asynccontextmanager
async def _alone(connection: asyncpg.Connection, service: str) -> AsyncIterator[None]:
    key = (_SPACE, zlib.crc32(service.encode()) - 2**31)
    await connection.execute("SELECT pg_advisory_lock($1, $2)", *key)
    try:
        yield
    finally:
        if not connection.is_closed():
            await connection.execute("SELECT pg_advisory_unlock($1, $2)", *key)


@asynccontextmanager
async def _as_owner(connection: asyncpg.Connection, owner: str, service: str) -> AsyncIterator[None]:
    """A transaction in the service's schema that does not wait for locks for long."""
    async with connection.transaction():
        await connection.execute(f'SET LOCAL ROLE "{owner}"')
        await connection.execute(f"SET LOCAL search_path = {service}")
        await connection.execute(f"SET LOCAL lock_timeout = {round(LOCK_WAIT.total_seconds() * 1000)}")
        yield


async def _applied(connection: asyncpg.Connection, owner: str, service: str) -> dict[str, str]:
    """The checksums of what was applied, by name; makes the schema where there is none."""
    async with _as_owner(connection, owner, service):
        await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {service}")
        await connection.execute(f'GRANT USAGE ON SCHEMA {service} TO "{service}", "{service}_system"')
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations "
            "(name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        rows = await connection.fetch("SELECT name, checksum FROM schema_migrations")
    return {row["name"]: row["checksum"] for row in rows}


async def _apply_patiently(
    connection: asyncpg.Connection, owner: str, service: str, migrations: Sequence[Migration]
) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            async with _as_owner(connection, owner, service):
                await _apply(connection, service, migrations)
        except asyncpg.LockNotAvailableError:
            names = ", ".join(migration.name for migration in migrations)
            logger.warning("a migration waits for a lock", extra={"migration": names, "attempt": attempt})
            if attempt == ATTEMPTS:
                raise MigrationBlocked(
                    f"{names} did not get its lock in {ATTEMPTS} attempts: a long transaction (an export, pg_dump) holds"
                    " a table that it changes. Nothing of it was applied; try again when that has ended"
                ) from None
            await asyncio.sleep(PAUSE.total_seconds() * random.uniform(0.5, 1.5))  # noqa: S311  # no secret
        else:
            return


async def _apply(connection: asyncpg.Connection, service: str, migrations: Sequence[Migration]) -> None:
    for migration in migrations:
        await connection.execute(migration.sql.replace("{service}", service))
        await connection.execute(
            "INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)",
            migration.name,
            migration.checksum,
        )


def _check(applied: dict[str, str], wanted: list[Migration]) -> None:
    """A newer version's *pre* migrations are made for the version before; its *post* ones leave that version behind."""
    known = {migration.name: migration.checksum for migration in wanted}
    for name, checksum in applied.items():
        if name not in known and phase_of(name) == "post":
            raise MigrationMismatch(f"a newer version has finished its upgrade of the schema: it has {name}")
        if known.get(name, checksum) != checksum:
            raise MigrationMismatch(f"{name} has changed since it was applied")
