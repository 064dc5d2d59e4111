"""How far versions are, in Postgres: a row for each that takes longer than a moment."""

from collections.abc import Sequence
from uuid import UUID

from minirag_contracts.context import TenantScope
from minirag_contracts.signals import Progress
from minirag_eventstore import EventStore, Transaction


class PostgresProgressRows:
    """The port ProgressRows."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def note(self, scope: TenantScope, progress: Progress) -> None:
        """In the place of what was noted before. Whoever ends the version does so before, and nothing is noted, or after."""
        async with self._store.transaction(scope) as tx:
            await tx.connection.execute(
                """INSERT INTO ingestion_progress (tenant_id, source_id, version, stage, done, total)
                   SELECT $1, source_id, $3, $4, $5, $6 FROM sources
                   WHERE source_id = $2 AND version = $3 AND status = 'processing' FOR SHARE
                   ON CONFLICT (source_id) DO UPDATE SET version = $3, stage = $4, done = $5, total = $6""",
                scope.tenant_id,
                progress.source_id,
                progress.version,
                progress.stage,
                progress.done,
                progress.total,
            )

    async def forget(self, tx: Transaction, source_ids: Sequence[UUID]) -> None:
        """They have ended."""
        await tx.connection.execute("DELETE FROM ingestion_progress WHERE source_id = ANY($1)", source_ids)
