"""What was given and what was made of it, in Postgres: content, referred to by events through ids and salted hashes."""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from minirag_contracts.context import TenantScope
from minirag_eventstore import EventStore, Transaction, WorkItem

from minirag_ingest.domain.document import Document
from minirag_ingest.ports import (
    FetchedPage,
    Origin,
    Page,
    Raw,
    SourceContent,
    StoredDocument,
    Target,
    Validators,
)

LARGE = 256 * 1024
"""Characters of JSON that are written and parsed beside the loop."""


class PostgresContentRows:
    """The port ContentRows."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def keep(self, tx: Transaction, source_id: UUID, content: SourceContent, salt: bytes) -> None:
        """Stores what a client gave us, in the place of what they gave before."""
        await tx.connection.execute(
            """INSERT INTO source_contents (tenant_id, source_id, config, body, salt) VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (source_id) DO UPDATE SET config = $3, body = $4, salt = $5""",
            tx.scope.tenant_id,
            source_id,
            content.config,
            content.body,
            salt,
        )

    async def content(self, tx: Transaction, source_id: UUID) -> SourceContent | None:
        """What a client gave us; None once it is erased."""
        row = await tx.connection.fetchrow(
            "SELECT config, body FROM source_contents WHERE source_id = $1", source_id
        )
        return SourceContent(row["config"], row["body"]) if row else None

    async def outline(self, tx: Transaction, source_id: UUID) -> tuple[dict[str, Any], bool]:
        """The whole configuration, and whether there is a text or file; the text itself stays where it is."""
        row = await tx.connection.fetchrow(
            """SELECT config, coalesce(octet_length(body), 0) > 0
                      OR EXISTS (SELECT FROM archive_pieces p WHERE p.source_id = c.source_id) AS has_body
               FROM source_contents c WHERE source_id = $1""",
            source_id,
        )
        return (row["config"], row["has_body"]) if row else ({}, False)

    async def note(self, tx: Transaction, source_id: UUID, facts: dict[str, Any]) -> None:
        """Adds to the configuration."""
        await tx.connection.execute(
            "UPDATE source_contents SET config = config || $2 WHERE source_id = $1", source_id, facts
        )

    async def document(self, scope: TenantScope, source_id: UUID, version: int) -> StoredDocument | None:
        """The text of a version, if an attempt got that far."""
        async with self._store.transaction(scope) as tx:
            row = await tx.connection.fetchrow(
                "SELECT title, url, body FROM documents WHERE source_id = $1 AND version = $2",
                source_id,
                version,
            )
        if row is None:
            return None
        body: str = row["body"]
        parsed = await asyncio.to_thread(json.loads, body) if len(body) > LARGE else json.loads(body)
        return StoredDocument(row["title"], row["url"], Document.from_json(parsed))

    async def origin(self, scope: TenantScope, target: Target) -> tuple[str, Origin] | None:
        """The last URL of a version's document and its origin."""
        async with self._store.transaction(scope) as tx:
            row = await tx.connection.fetchrow(
                """SELECT url, asked, etag, last_modified, links FROM documents
                   WHERE source_id = $1 AND version = $2 AND url IS NOT NULL AND asked IS NOT NULL""",
                target.source_id,
                target.version,
            )
        if row is None:
            return None
        said = Validators(row["etag"], row["last_modified"])
        return row["url"], Origin(row["asked"], said, None if row["links"] is None else tuple(row["links"]))

    async def keep_document(self, item: WorkItem, target: Target, stored: StoredDocument) -> None:
        """Stores the text of a version."""
        if stored.document.characters > LARGE:
            body = await asyncio.to_thread(_dump, stored.document)
        else:
            body = _dump(stored.document)
        origin = stored.origin
        said = origin.validators if origin else Validators()
        async with self._store.transaction(item.scope) as tx:
            await item.hold(tx.connection)
            await tx.connection.execute(
                """INSERT INTO documents (tenant_id, source_id, version, title, url, body, content_hash, asked, etag,
                                          last_modified, links)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
                   ON CONFLICT (source_id, version) DO UPDATE
                   SET title = $4, url = $5, body = $6, content_hash = $7, asked = $8, etag = $9, last_modified = $10,
                       links = $11, passages = NULL, rules = NULL""",
                item.tenant_id,
                target.source_id,
                target.version,
                stored.title,
                stored.url,
                body,
                _hash(stored, body),
                origin.asked if origin else None,
                said.etag,
                said.last_modified,
                None if origin is None or origin.links is None else list(origin.links),
            )

    async def same_document(self, scope: TenantScope, target: Target, other: int, rules: str) -> bool:
        """By their hashes; texts from before there were hashes are like no other."""
        async with self._store.transaction(scope) as tx:
            same: bool = await tx.connection.fetchval(
                """SELECT EXISTS (SELECT FROM documents new JOIN documents old USING (source_id, content_hash)
                                  WHERE source_id = $1 AND new.version = $2 AND old.version = $3 AND old.rules = $4)""",
                target.source_id,
                target.version,
                other,
                rules,
            )
        return same

    async def passages(self, tx: Transaction, source_id: UUID, version: int) -> list[bytes] | None:
        """In reading order."""
        found: list[bytes] | None = await tx.connection.fetchval(
            "SELECT passages FROM documents WHERE source_id = $1 AND version = $2", source_id, version
        )
        return found

    async def keep_passages(
        self, tx: Transaction, target: Target, passages: Sequence[bytes], rules: str
    ) -> None:
        """Beside the version's text."""
        await tx.connection.execute(
            "UPDATE documents SET passages = $3, rules = $4 WHERE source_id = $1 AND version = $2",
            target.source_id,
            target.version,
            list(passages),
            rules,
        )

    async def drop_documents(self, tx: Transaction, source_ids: Sequence[UUID], keep: int) -> None:
        """What failed or was cancelled leaves no text; what answers and what went before it does."""
        await tx.connection.execute(
            """DELETE FROM documents WHERE source_id = ANY($1) AND (source_id, version) NOT IN
                   (SELECT source_id, version FROM
                       (SELECT source_id, version,
                               row_number() OVER (PARTITION BY source_id ORDER BY version DESC) AS place
                        FROM ingestions WHERE source_id = ANY($1) AND status = 'completed') AS done
                    WHERE place <= $2)""",
            source_ids,
            keep,
        )

    async def fetched(self, scope: TenantScope, target: Target) -> FetchedPage | None:
        """As it came."""
        async with self._store.transaction(scope) as tx:
            row = await tx.connection.fetchrow(
                """SELECT url, final_url, media_type, charset, etag, last_modified, body, links FROM fetched_pages
                   WHERE page_id = $1 AND page_version = $2 AND body IS NOT NULL""",
                target.source_id,
                target.version,
            )
        if row is None:
            return None
        raw = Raw(row["body"], None, row["media_type"], row["charset"])
        said = Validators(row["etag"], row["last_modified"])
        return FetchedPage(row["url"], Page(raw, row["final_url"], said), tuple(row["links"]))

    async def drop_fetched(self, tx: Transaction, source_id: UUID, version: int) -> None:
        """Also what older versions have left that were cancelled."""
        await tx.connection.execute(
            "DELETE FROM fetched_pages WHERE page_id = $1 AND page_version <= $2", source_id, version
        )

    async def forget_fetched(self, tx: Transaction, source_ids: Sequence[UUID]) -> None:
        """Of pages, and of all pages of sites."""
        await tx.connection.execute(
            "DELETE FROM fetched_pages WHERE source_id = ANY($1) OR page_id = ANY($1)", source_ids
        )


def _hash(stored: StoredDocument, body: str) -> bytes:
    whole = hashlib.blake2b(digest_size=16)
    for part in (stored.title, stored.url or "", body):
        whole.update(part.encode(errors="surrogatepass") + b"\0")
    return whole.digest()


def _dump(document: Document) -> str:
    return json.dumps(document.to_json(), ensure_ascii=False)
