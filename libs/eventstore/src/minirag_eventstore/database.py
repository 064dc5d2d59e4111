"""The two doors to a service's schema: one for a tenant's use cases, one for the few rooms that serve all tenants."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Self

import asyncpg
from minirag_contracts.context import TenantScope

from minirag_eventstore import metrics
from minirag_eventstore.errors import DATABASE_FAILED, NotConnected

logger = logging.getLogger(__name__)

Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy
"""A connection inside a transaction, as repositories and projections get it."""

CLOSES_WITHIN = 5.0
"""Seconds that a transaction gets which still runs when its pool is closed."""


async def _prepare(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")


async def _keep_session(connection: asyncpg.Connection) -> None:
    """No reset between uses: nothing here changes a session, only SET LOCAL, which ends with its transaction."""


class Database:
    """Pools of the roles ``<service>`` (row-level security by tenant) and ``<service>_system``."""

    def __init__(self, schema: str, system_dsn: str, tenants: asyncpg.Pool, system: asyncpg.Pool) -> None:
        self.schema = schema
        self._system_dsn = system_dsn
        self._tenants = tenants
        self._system = system

    @classmethod
    async def connect(
        cls, schema: str, dsn: str, system_dsn: str, *, pool_size: int = 10, system_pool_size: int = 4
    ) -> Self:
        """Opens both pools lazily; raises OSError or asyncpg.PostgresError when the server cannot be reached."""

        async def pool(url: str, size: int) -> asyncpg.Pool:
            return await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=size,
                init=_prepare,
                reset=_keep_session,
                server_settings={"search_path": schema, "application_name": f"minirag-{schema}"},
            )

        return cls(schema, system_dsn, await pool(dsn, pool_size), await pool(system_dsn, system_pool_size))

    @asynccontextmanager
    async def tenant(self, scope: TenantScope) -> AsyncIterator[Connection]:
        """A transaction that sees one tenant's rows and can write no other's."""
        async with _acquired(self._tenants, "tenant") as connection, connection.transaction():
            await connection.execute("SELECT set_config('minirag.tenant', $1, true)", str(scope.tenant_id))
            yield connection

    @asynccontextmanager
    async def system(self) -> AsyncIterator[Connection]:
        """A transaction over all tenants: relay, rebuild, schedulers, reapers and named look-ups only."""
        async with _acquired(self._system, "system") as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def session(self, *, patience: timedelta | None = None) -> AsyncIterator[asyncpg.Connection]:
        """A system connection of one's own, for session locks and LISTEN; its end releases both.

        With ``patience`` a statement that is not answered for so long raises TimeoutError, and the server ends the session of a
        process whose machine has vanished about as soon: without it both may take hours.
        """
        settings = {"search_path": self.schema, "application_name": f"minirag-{self.schema}"}
        seconds = None if patience is None else patience.total_seconds()
        if seconds is not None:
            probe = str(max(1, round(seconds / 3)))
            settings |= {
                "tcp_keepalives_idle": probe,
                "tcp_keepalives_interval": probe,
                "tcp_keepalives_count": "2",
                "tcp_user_timeout": str(round(seconds * 1000)),
            }
        connection = await asyncpg.connect(
            self._system_dsn, server_settings=settings, command_timeout=seconds
        )
        try:
            await _prepare(connection)
            yield connection
        finally:
            await _close(connection)

    async def ping(self) -> None:
        """Raises when the database does not answer."""
        async with self._tenants.acquire() as connection:
            await connection.execute("SELECT 1")

    def use(self) -> dict[str, tuple[int, int]]:
        """Of each pool: how many connections are in use, and how many it may have."""
        pools = {"tenant": self._tenants, "system": self._system}
        return {
            name: (pool.get_size() - pool.get_idle_size(), pool.get_max_size())
            for name, pool in pools.items()
        }

    async def close(self) -> None:
        """Closes both pools; a transaction that still runs is ended where it does not end by itself in a moment."""
        await asyncio.gather(_close_pool(self._tenants), _close_pool(self._system))


@asynccontextmanager
async def _acquired(pool: asyncpg.Pool, name: str) -> AsyncIterator[asyncpg.pool.PoolConnectionProxy]:
    """A connection; NotConnected where a new one is needed and cannot be made."""
    began = time.perf_counter()
    try:
        connection = await pool.acquire()
    except ConnectionError:
        raise
    except OSError as error:
        raise NotConnected(type(error).__name__) from error
    metrics.ACQUIRED.labels(name).observe(time.perf_counter() - began)
    try:
        yield connection
    finally:
        await pool.release(connection)


async def _close_pool(pool: asyncpg.Pool) -> None:
    try:
        async with asyncio.timeout(CLOSES_WITHIN):
            await pool.close()  # what it waited for is ended when this is cancelled
    except TimeoutError:
        logger.warning("connections to the database were ended in use")


async def _close(connection: asyncpg.Connection) -> None:
    try:
        await connection.close(timeout=2)
    except DATABASE_FAILED:
        connection.terminate()


def affected(status: str) -> int:
    """The number of rows in a command tag such as ``UPDATE 3``."""
    return int(status.rsplit(" ", 1)[-1])
