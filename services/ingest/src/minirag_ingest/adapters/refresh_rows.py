"""Which sources have a schedule, and the work that was arranged for them, in Postgres."""

from collections.abc import Sequence
from uuid import UUID

from minirag_contracts.context import TenantScope
from minirag_eventstore import Database, Transaction

from minirag_ingest.ports import Arranged

AT_A_TIME = 500
"""Forgotten sources of one look."""


class PostgresRefreshRows:
    """The port RefreshRows. The work of a source has its id as key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def arranged(self, tx: Transaction, source_id: UUID) -> Arranged | None:
        """As this transaction sees it, its own events included; locked."""
        row = await tx.connection.fetchrow(
            """SELECT s.bot_id, w.payload,
                      CASE WHEN s.is_active AND s.refresh_schedule <> 'none' THEN s.refresh_schedule END AS schedule
               FROM sources s LEFT JOIN work w ON w.kind = 'refresh' AND w.key = s.source_id::text
               WHERE s.source_id = $1 FOR UPDATE OF s""",
            source_id,
        )
        return None if row is None else Arranged(row["bot_id"], row["schedule"], row["payload"])

    async def forgotten(self) -> Sequence[tuple[TenantScope, UUID]]:
        """Of all tenants (system role)."""
        async with self._database.system() as connection:
            rows = await connection.fetch(
                """SELECT tenant_id, source_id FROM sources s
                   WHERE is_active AND refresh_schedule <> 'none'
                     AND NOT EXISTS (SELECT FROM work WHERE kind = 'refresh' AND key = s.source_id::text)
                   LIMIT $1""",
                AT_A_TIME,
            )
        return [(TenantScope(row["tenant_id"]), row["source_id"]) for row in rows]
