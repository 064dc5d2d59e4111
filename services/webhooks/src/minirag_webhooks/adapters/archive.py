"""Bodies and attempts of all tenants, forgotten by age: the one room of this service without a tenant."""

from datetime import timedelta

from minirag_eventstore import Database

BATCH = 1000
"""Deliveries per transaction, so that none is long."""


class PostgresArchive:
    """What deliveries leave behind; it is swept from time to time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prune(self, older_than: timedelta) -> int:
        """Deletes bodies and attempts of deliveries that were settled so long ago; answers of how many deliveries.

        Never those of a delivery that is scheduled (it has no ``settled_at``), however old it is.
        """
        pruned = 0
        while True:
            found = await self._prune_some(older_than)
            pruned += found
            if found < BATCH:
                return pruned

    async def _prune_some(self, older_than: timedelta) -> int:
        async with self._database.system() as connection:
            found = await connection.fetchval(
                """WITH gone AS (
                       DELETE FROM delivery_bodies WHERE delivery_id IN (
                           SELECT b.delivery_id FROM delivery_bodies b JOIN deliveries d USING (delivery_id)
                           WHERE b.kept_at < now() - $1::interval AND d.settled_at < now() - $1::interval
                           ORDER BY b.kept_at LIMIT $2 FOR UPDATE OF b SKIP LOCKED)
                       RETURNING delivery_id),
                   attempts AS (
                       DELETE FROM delivery_attempts a USING gone WHERE a.delivery_id = gone.delivery_id)
                   SELECT count(*) FROM gone""",
                older_than,
                BATCH,
            )
        return int(found)
