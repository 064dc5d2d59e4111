"""The history of sources in Postgres. Row-level security narrows every statement to the transaction's tenant."""

from typing import Any
from uuid import UUID

from minirag_contracts.requests.ingest import IngestionList, IngestionRead, VersionList, VersionRead
from minirag_eventstore import Transaction, pages

_INGESTIONS = """
SELECT i.*, s.name, p.stage, p.done, p.total, w.attempts AS tried, w.due_at, w.last_error,
       coalesce(w.lease_until > now(), false) AS leased, coalesce(w.due_at > now(), false) AS waits
FROM ingestions i JOIN sources s USING (source_id)
LEFT JOIN work w ON w.kind IN ('ingestion', 'crawl') AND w.key = i.source_id || ':' || i.version
LEFT JOIN ingestion_progress p ON p.source_id = i.source_id AND p.version = i.version
WHERE (s.source_id = $1 OR s.parent_id = $1)
  AND ($2::timestamptz IS NULL OR (i.created_at, i.source_id) < ($2, $3::uuid))
ORDER BY i.created_at DESC, i.source_id DESC LIMIT $4
"""

_VERSIONS = """
SELECT i.*, i.version = s.visible AS visible,
       EXISTS (SELECT FROM documents d WHERE d.source_id = i.source_id AND d.version = i.version) AS kept
FROM ingestions i JOIN sources s USING (source_id)
WHERE i.source_id = $1 AND i.status = 'completed'
  AND ($2::timestamptz IS NULL OR (i.created_at, i.source_id) < ($2, $3::uuid))
ORDER BY i.created_at DESC, i.source_id DESC LIMIT $4
"""

_KEPT = """
SELECT version FROM ingestions i JOIN documents d USING (source_id, version)
WHERE i.source_id = $1 AND i.status = 'completed' AND {which} ORDER BY version DESC LIMIT 1
"""


class PostgresIngestionRows:
    """The port IngestionRows."""

    async def ingestions(
        self, tx: Transaction, source_id: UUID, limit: int, cursor: str | None
    ) -> IngestionList:
        """Joined with the work that makes them, and with the note of how far it is."""
        rows, more = await _page(tx, _INGESTIONS, source_id, limit, cursor)
        return IngestionList(items=[_ingestion(dict(row)) for row in rows], next=more)

    async def versions(self, tx: Transaction, source_id: UUID, limit: int, cursor: str | None) -> VersionList:
        """Completed ingestions."""
        rows, more = await _page(tx, _VERSIONS, source_id, limit, cursor)
        return VersionList(items=[_version(dict(row)) for row in rows], next=more)

    async def kept_before(self, tx: Transaction, source_id: UUID, version: int) -> int | None:
        """The next older text."""
        found: int | None = await tx.connection.fetchval(
            _KEPT.format(which="version < $2"), source_id, version
        )
        return found

    async def is_kept(self, tx: Transaction, source_id: UUID, version: int) -> bool:
        """Whether it can be rolled back to."""
        return (
            await tx.connection.fetchval(_KEPT.format(which="version = $2"), source_id, version) is not None
        )


async def _page(
    tx: Transaction, statement: str, source_id: UUID, limit: int, cursor: str | None
) -> tuple[Any, str | None]:
    created_at, last_id, _ = pages.decode(cursor) or (None, None, 0)
    rows = await tx.connection.fetch(statement, source_id, created_at, last_id, limit + 1)
    return pages.cut(rows, limit, "source_id", pages.PAGE_BYTES)


def _ingestion(row: dict[str, Any]) -> IngestionRead:
    running = row["status"] == "processing"
    retrying = running and row["waits"] and row["last_error"] is not None
    status = row["status"]
    if running and not row["leased"]:
        status = "retrying" if retrying else "queued"
    done, total = (row["done"] or 0, row["total"] or 0) if running else (0, 0)
    return IngestionRead(
        source_id=row["source_id"],
        source_name=row["name"],
        version=row["version"],
        trigger=row["trigger"],
        of_version=row["of_version"],
        status=status,
        stage=row["stage"] if running else None,
        done=done,
        total=total,
        percent=_percent(status, done, total),
        attempt=(row["tried"] if running else row["attempts"]) or 0,
        next_attempt_at=row["due_at"] if retrying else None,
        code=row["code"],
        error=row["last_error"] if retrying else row["error"],
        chunk_count=row["chunk_count"],
        requested_at=row["created_at"],
        ended_at=row["ended_at"],
    )


def _percent(status: str, done: int, total: int) -> int:
    """Of the chunks; the last percent is becoming visible."""
    if status in ("completed", "unchanged"):
        return 100
    return min(99, 100 * done // total) if total else 0


def _version(row: dict[str, Any]) -> VersionRead:
    return VersionRead(
        version=row["version"],
        trigger=row["trigger"],
        of_version=row["of_version"],
        visible=row["visible"],
        kept=row["kept"],
        chunk_count=row["chunk_count"],
        added=row["added"],
        changed=row["changed"],
        removed=row["removed"],
        embedded=row["embedded"],
        completed_at=row["ended_at"],
    )
