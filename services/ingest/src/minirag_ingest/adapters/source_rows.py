"""Sources in Postgres. Row-level security narrows every statement to the transaction's tenant."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from minirag_contracts.requests.ingest import BotSources, SourceList, SourceRead, SourcesSummary
from minirag_eventstore import Transaction, pages

from minirag_ingest.ports import GoneSource, Selection

_SELECT = """
SELECT s.*, coalesce(c.config, s.config) AS whole_config, child.count AS children_count,
       child.chunk_count AS children_chunk_count, child.status AS children_status,
       CASE WHEN s.is_active THEN refresh.due_at END AS next_refresh_at
FROM ({picked}) s LEFT JOIN source_contents c USING (source_id)
LEFT JOIN work refresh ON refresh.kind = 'refresh' AND refresh.key = s.source_id::text
CROSS JOIN LATERAL (
    SELECT count(*), sum(chunk_count) AS chunk_count,
           CASE WHEN bool_or(status = 'processing') THEN 'processing' WHEN bool_or(status = 'error') THEN 'error'
                WHEN bool_and(status = 'ready') THEN 'ready' ELSE 'pending' END AS status
    FROM sources WHERE parent_id = s.source_id AND is_active
) child
"""
"""The picked rows with the figures of their active children (spec §8), in one statement for any number of them."""

_PAGE = """
SELECT * FROM sources
WHERE is_active AND {which} AND ($1::uuid IS NULL OR bot_id = $1)
  AND ($2::timestamptz IS NULL OR (created_at, source_id) < ($2, $3::uuid))
ORDER BY created_at DESC, source_id DESC LIMIT $4
"""

_CHILDREN = """
SELECT * FROM sources
WHERE is_active AND parent_id = $1 AND ($2::timestamptz IS NULL OR (created_at, source_id) > ($2, $3::uuid))
ORDER BY created_at, source_id LIMIT $4
"""


class PostgresSourceRows:
    """The port SourceRows."""

    async def get(self, tx: Transaction, source_id: UUID) -> SourceRead | None:
        """One source."""
        found = await self.listed(tx, [source_id])
        return found[0] if found else None

    async def listed(self, tx: Transaction, source_ids: Sequence[UUID]) -> list[SourceRead]:
        """These sources, in this order."""
        picked = "SELECT * FROM sources WHERE source_id = ANY($1)"
        rows = await tx.connection.fetch(_SELECT.format(picked=picked), source_ids)
        found = {row["source_id"]: _read(dict(row)) for row in rows}
        return [found[source_id] for source_id in source_ids if source_id in found]

    async def active_count(self, tx: Transaction) -> int:
        """How many active sources the tenant has."""
        return int(await tx.connection.fetchval("SELECT count(*) FROM sources WHERE is_active"))

    async def queued_count(self, tx: Transaction) -> int:
        """How many ingestions of the tenant wait or run."""
        return int(
            await tx.connection.fetchval("SELECT count(*) FROM work WHERE kind IN ('ingestion', 'crawl')")
        )

    async def page(self, tx: Transaction, which: Selection, limit: int, cursor: str | None) -> SourceList:
        """Active sources, newest first; a page ends before it is larger than the bus carries."""
        created_at, last_id, _ = pages.decode(cursor) or (None, None, 0)
        arguments: list[Any] = [which.bot_id, created_at, last_id, limit + 1]
        if which.parent_id is not None:
            condition = "parent_id = $5"
            arguments.append(which.parent_id)
        else:
            condition = "true" if which.flat else "parent_id IS NULL"
        statement = _SELECT.format(picked=_PAGE.format(which=condition))
        rows = await tx.connection.fetch(f"{statement} ORDER BY created_at DESC, source_id DESC", *arguments)
        page, more = pages.cut(rows, limit, "source_id", pages.PAGE_BYTES)
        return SourceList(items=[_read(dict(row), flat=which.flat) for row in page], next=more)

    async def children(self, tx: Transaction, parent_id: UUID, limit: int, cursor: str | None) -> SourceList:
        """Active children, oldest first, in pages like these."""
        created_at, last_id, _ = pages.decode(cursor) or (None, None, 0)
        statement = _SELECT.format(picked=_CHILDREN)
        rows = await tx.connection.fetch(
            f"{statement} ORDER BY created_at, source_id", parent_id, created_at, last_id, limit + 1
        )
        page, more = pages.cut(rows, limit, "source_id", pages.PAGE_BYTES)
        return SourceList(items=[_read(dict(row)) for row in page], next=more)

    async def summary(self, tx: Transaction) -> SourcesSummary:
        """One statement: a row for each bot and status."""
        rows = await tx.connection.fetch(
            """SELECT bot_id, status, count(*)::int AS sources, sum(chunk_count)::bigint AS chunks
               FROM sources WHERE is_active GROUP BY bot_id, status ORDER BY bot_id"""
        )
        by_status: dict[str, int] = {}
        by_bot: dict[UUID, BotSources] = {}
        for row in rows:
            by_status[row["status"]] = by_status.get(row["status"], 0) + row["sources"]
            ready = row["sources"] if row["status"] == "ready" else 0
            bot = by_bot.get(row["bot_id"]) or BotSources(
                bot_id=row["bot_id"], source_count=0, ready_sources=0, total_chunks=0
            )
            by_bot[row["bot_id"]] = BotSources(
                bot_id=row["bot_id"],
                source_count=bot.source_count + row["sources"],
                ready_sources=bot.ready_sources + ready,
                total_chunks=bot.total_chunks + row["chunks"],
            )
        total = sum(bot.total_chunks for bot in by_bot.values())
        return SourcesSummary(sources_by_status=by_status, total_chunks=total, by_bot=list(by_bot.values()))

    async def lock(self, tx: Transaction, source_id: UUID) -> None:
        """Until the transaction ends."""
        await tx.connection.execute("SELECT FROM sources WHERE source_id = $1 FOR UPDATE", source_id)

    async def parent_of(self, tx: Transaction, source_id: UUID) -> UUID | None:
        """Its parent, if it has one."""
        found: UUID | None = await tx.connection.fetchval(
            "SELECT parent_id FROM sources WHERE source_id = $1", source_id
        )
        return found

    async def lock_children(self, tx: Transaction, parent_id: UUID, *, active: bool) -> list[UUID]:
        """Locks the active children, or else those that went with their parent, in the order of their creation."""
        condition = "is_active" if active else "NOT is_active AND gone_with_parent"
        rows = await tx.connection.fetch(
            f"""SELECT source_id FROM sources WHERE parent_id = $1 AND {condition}
                ORDER BY created_at, source_id FOR UPDATE""",  # noqa: S608  # our own condition
            parent_id,
        )
        return [row["source_id"] for row in rows]

    async def known(self, tx: Transaction, source_ids: Sequence[UUID]) -> set[UUID]:
        """Which of these there are."""
        rows = await tx.connection.fetch(
            "SELECT source_id FROM sources WHERE source_id = ANY($1)", list(source_ids)
        )
        return {row["source_id"] for row in rows}

    async def gone(self, tx: Transaction, source_id: UUID) -> list[GoneSource]:
        """The source and its children, as far as they are deactivated."""
        rows = await tx.connection.fetch(
            """SELECT source_id, bot_id, version FROM sources
               WHERE (source_id = $1 OR parent_id = $1) AND NOT is_active AND version > 0 ORDER BY source_id""",
            source_id,
        )
        return [GoneSource(**dict(row)) for row in rows]


def _read(row: dict[str, Any], *, flat: bool = False) -> SourceRead:
    aggregated = row["children_count"] > 0 and not flat
    return SourceRead(
        id=row["source_id"],
        tenant_id=row["tenant_id"],
        bot_profile_id=row["bot_id"],
        parent_id=row["parent_id"],
        name=row["name"],
        description=row["description"],
        source_type=row["source_type"],
        status=_family_status(row) if aggregated else row["status"],
        config=row["whole_config"],
        document_count=row["document_count"],
        chunk_count=row["children_chunk_count"] if aggregated else row["chunk_count"],
        error_message=row["error_message"],
        is_active=row["is_active"],
        refresh_schedule=row["refresh_schedule"],
        last_refreshed_at=row["last_refreshed_at"],
        next_refresh_at=row["next_refresh_at"],
        children_count=row["children_count"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _family_status(row: dict[str, Any]) -> str:
    """That of the children; but while there may be more of them to come, and where an archive or a crawl did not give them all,
    its own.
    """
    own: str = row["status"]
    children: str = row["children_status"]
    gives_children = "crawl" in row["config"] or "original_filename" in row["config"]
    return own if own == "processing" or (own == "error" and gives_children) else children
