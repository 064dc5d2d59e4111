"""Applies a schema's migrations, each once, in the order of their names, and refuses a history that has changed."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

import asyncpg

from minirag_eventstore.errors import MigrationMismatch


@dataclass(frozen=True, slots=True)
class Migration:
    """One SQL file; ``{service}`` in it stands for the schema and its role."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, kept with the record that it was applied."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


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

    Run by a superuser; safe to repeat (passwords are set anew). Neither of a service's roles owns anything.
    """
    for role in (owner, *passwords):
        if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
            await connection.execute(f'CREATE ROLE "{role}"')
    for role, password in passwords.items():
        literal = await connection.fetchval("SELECT quote_literal($1)", password)
        await connection.execute(f'ALTER ROLE "{role}" LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD {literal}')
    database = await connection.fetchval("SELECT current_database()")
    await connection.execute(f'GRANT CREATE, TEMPORARY ON DATABASE "{database}" TO "{owner}"')
    await connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    await connection.execute(f'SET ROLE "{owner}"')
    await connection.execute((files("minirag_eventstore") / "migrations" / "cluster.sql").read_text())
    await connection.execute("RESET ROLE")


async def migrate(
    connection: asyncpg.Connection, owner: str, service: str, migrations: Iterable[Migration] | None = None
) -> list[str]:
    """Brings one service's schema up to date, in one transaction; answers the names of what was applied.

    Raises MigrationMismatch when an applied migration is not what it was, or the schema knows one that this build does not.
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
        applied = {
            row["name"]: row["checksum"] for row in await connection.fetch("SELECT * FROM schema_migrations")
        }
        _check(applied, wanted)
        fresh = [migration for migration in wanted if migration.name not in applied]
        for migration in fresh:
            await connection.execute(migration.sql.replace("{service}", service))
            await connection.execute(
                "INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)",
                migration.name,
                migration.checksum,
            )
    return [migration.name for migration in fresh]


def _check(applied: dict[str, str], wanted: list[Migration]) -> None:
    known = {migration.name: migration.checksum for migration in wanted}
    for name, checksum in applied.items():
        if name not in known:
            raise MigrationMismatch(f"the schema was made by a newer version: it has {name}")
        if known[name] != checksum:
            raise MigrationMismatch(f"{name} has changed since it was applied")
