"""Applies a schema's migrations, each once, in the order of their names, and refuses a history that has changed.

``NNNN_name.sql`` expands (*pre*): the version before can live with it. ``NNNN_name.post.sql`` contracts (*post*): it runs when
no process of that version is left. ``docs/upgrades.md`` has the rules.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Literal, get_args

import asyncpg

from minirag_eventstore.errors import MigrationMismatch

Phase = Literal["pre", "post"]

PHASES: tuple[Phase, ...] = get_args(Phase)


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
    """Brings one service's schema up to date, in one transaction; answers the names of what was applied.

    With a ``phase`` only its migrations; a schema that is new gets all of them, since nobody uses it yet. Raises
    MigrationMismatch when an applied migration is not what it was, or this build cannot work on what the schema has become.
    """
    wanted = list(migrations if migrations is not None else migrations_of(service))
    async with connection.transaction():
        await connection.execute(f'SET LOCAL ROLE "{owner}"')
        await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {service}")
        await connection.execute(f'GRANT USAGE ON SCHEMA {service} TO "{service}", "{service}_system"')
        await connection.execute(f"SET LOCAL search_path = {service}")
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations "
            "(name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        await connection.execute("LOCK TABLE schema_migrations IN EXCLUSIVE MODE")
        rows = await connection.fetch("SELECT name, checksum FROM schema_migrations")
        applied = {row["name"]: row["checksum"] for row in rows}
        _check(applied, wanted)
        fresh = [
            migration
            for migration in wanted
            if migration.name not in applied and (not applied or phase in (None, migration.phase))
        ]
        for migration in fresh:
            await connection.execute(migration.sql.replace("{service}", service))
            await connection.execute(
                "INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)",
                migration.name,
                migration.checksum,
            )
    return [migration.name for migration in fresh]


def _check(applied: dict[str, str], wanted: list[Migration]) -> None:
    """A newer version's *pre* migrations are made for the version before; its *post* ones leave that version behind."""
    known = {migration.name: migration.checksum for migration in wanted}
    for name, checksum in applied.items():
        if name not in known and phase_of(name) == "post":
            raise MigrationMismatch(f"a newer version has finished its upgrade of the schema: it has {name}")
        if known.get(name, checksum) != checksum:
            raise MigrationMismatch(f"{name} has changed since it was applied")
