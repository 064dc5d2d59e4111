"""One leader among all processes of a service, by a session lock in Postgres that dies with its connection."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg

from minirag_eventstore.database import Database

PATIENCE = timedelta(seconds=15)
"""How long a leader waits for its database before it gives the leadership up."""


@asynccontextmanager
async def leadership(database: Database, role: str, retry: float = 1.0) -> AsyncIterator[asyncpg.Connection]:
    """Waits until this process leads ``role``, and leads as long as the block runs.

    What only a leader may do is done on the connection it yields: when that is lost, so is the lock, and the write fails, also
    (as a TimeoutError) where nobody says that it is lost.
    """
    async with database.session(patience=PATIENCE) as connection:
        key = zlib.crc32(f"{database.schema}:{role}".encode())
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", _SPACE, key - 2**31):  # noqa: ASYNC110
            await asyncio.sleep(retry)
        yield connection


_SPACE = 0x4D52  # "MR": our corner of the database's advisory locks
