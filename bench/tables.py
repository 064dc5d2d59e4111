"""What Postgres itself counts: reads and writes of one service's tables."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import asyncpg
from minirag_local.credentials import ADMIN, Credentials
from minirag_local.folder import DataFolder
from minirag_local.postgres_server import database_url
from minirag_local.state import RunState

FLUSH: Final = 11.0
"""Seconds after which an idle backend has told its counts (PostgreSQL: PGSTAT_IDLE_INTERVAL is ten)."""

_TABLES: Final = """
SELECT coalesce(sum(coalesce(seq_scan, 0) + coalesce(idx_scan, 0)), 0)::bigint AS reads,
       coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint AS writes
FROM pg_stat_user_tables WHERE schemaname = $1"""

_DATABASE: Final = (
    "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
)


@dataclass(frozen=True)
class Counts:
    """Scans of the tables, changed rows of the tables, transactions of the whole database; so far, or in between."""

    reads: int
    writes: int
    transactions: int

    def since(self, before: Self) -> "Counts":
        """What was added."""
        return Counts(
            self.reads - before.reads,
            self.writes - before.writes,
            self.transactions - before.transactions,
        )


@asynccontextmanager
async def connected(data_dir: Path) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """The database of a running stack of ours, as its administrator."""
    folder = DataFolder(data_dir)
    sockets = RunState.read(folder).addresses.postgres_sockets
    connection = await asyncpg.connect(database_url(sockets, ADMIN, Credentials.of(folder).postgres[ADMIN]))
    try:
        yield connection
    finally:
        await connection.close()


async def counts(data_dir: Path, schema: str) -> Counts:
    """The counts of a running stack of ours, now."""
    async with connected(data_dir) as connection:
        row = await connection.fetchrow(_TABLES, schema)
        assert row is not None
        return Counts(row["reads"], row["writes"], await connection.fetchval(_DATABASE))
