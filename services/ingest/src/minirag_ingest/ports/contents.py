"""What was given and what was made of it: content, so no projection."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from minirag_contracts.context import TenantScope
from minirag_eventstore import Transaction, WorkItem

from minirag_ingest.domain.crawl_plan import CrawlPlan
from minirag_ingest.domain.frontier import Seeds, Visit
from minirag_ingest.ports.documents import Origin, Page, SourceContent, StoredDocument
from minirag_ingest.ports.neighbours import Target


class ArchiveRows(Protocol):
    """Archives that wait to be unpacked, in pieces; content."""

    async def keep(self, tx: Transaction, source_id: UUID, chunks: AsyncIterator[bytes]) -> tuple[int, str]:
        """Stores an archive as it comes; answers its size and its SHA-256."""

    async def size(self, tx: Transaction, source_id: UUID) -> int:
        """Bytes; 0 where there is none (any more)."""

    def read(self, scope: TenantScope, source_id: UUID) -> AsyncIterator[bytes]:
        """The archive, piece by piece."""

    async def drop(self, tx: Transaction, source_id: UUID) -> None:
        """It is unpacked."""


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """A page of a site as a crawl has fetched it; ``url`` is its canonical one, ``links`` those that a crawl follows."""

    url: str
    page: Page
    links: tuple[str, ...] = field(repr=False)


class ContentRows(Protocol):
    """What was given, and what was made of it; content, so no projection."""

    async def keep(self, tx: Transaction, source_id: UUID, content: SourceContent, salt: bytes) -> None:
        """Stores what was given, in the place of what was given before."""

    async def content(self, tx: Transaction, source_id: UUID) -> SourceContent | None:
        """What was given; None once it is erased."""

    async def outline(self, tx: Transaction, source_id: UUID) -> tuple[dict[str, Any], bool]:
        """The whole configuration, and whether there is a text or file."""

    async def note(self, tx: Transaction, source_id: UUID, facts: dict[str, Any]) -> None:
        """Adds to the configuration what was found out; no part of an event."""

    async def document(self, scope: TenantScope, source_id: UUID, version: int) -> StoredDocument | None:
        """The stored text of a version."""

    async def origin(self, scope: TenantScope, target: Target) -> tuple[str, Origin] | None:
        """The last URL of a version's document and its origin; None if it did not come from the web, or is not kept."""

    async def keep_document(self, item: WorkItem, target: Target, stored: StoredDocument) -> None:
        """Stores the text of a version, in the place of what another attempt has stored; LeaseLost for a worker that has lost
        its work, so that what is cut is what is stored.
        """

    async def same_document(self, scope: TenantScope, target: Target, other: int, rules: str) -> bool:
        """Whether the text of a version is that of another one, which was cut by these rules."""

    async def passages(self, tx: Transaction, source_id: UUID, version: int) -> list[bytes] | None:
        """Hashes of a version's passages in reading order; None if they are not kept."""

    async def keep_passages(
        self, tx: Transaction, target: Target, passages: Sequence[bytes], rules: str
    ) -> None:
        """Stores them with the text of the version, and the rules by which it was cut into them."""

    async def drop_documents(self, tx: Transaction, source_ids: Sequence[UUID], keep: int) -> None:
        """Forgets of each of these sources all texts but those of the newest ``keep`` versions that were ever visible."""

    async def fetched(self, scope: TenantScope, target: Target) -> FetchedPage | None:
        """What a crawl has fetched to become this version; None if it is to be fetched now."""

    async def drop_fetched(self, tx: Transaction, source_id: UUID, version: int) -> None:
        """This version has ended: what was fetched for it is needed no more."""

    async def forget_fetched(self, tx: Transaction, source_ids: Sequence[UUID]) -> None:
        """What is made of these sources is cancelled: nothing waits for them any more, nor for pages of them."""


@dataclass(frozen=True, slots=True)
class CrawlState:
    """How far the crawl of a version is. ``seeds`` are None before the site was asked for them.

    ``expected``: the plan is another one than last time, or the last crawl has warned that most pages would go.
    """

    plan: CrawlPlan
    seeds: Seeds | None
    expected: bool


@dataclass(frozen=True, slots=True)
class SitePage:
    """A child of a site that is a page of it. ``is_removed``: by a crawl, and not by people."""

    url: str
    page_id: UUID
    is_removed: bool
    is_active: bool


class CrawlRows(Protocol):
    """What crawls have seen; content, so no projection. ``target`` is the version of a site, ``page`` that of one page of it."""

    async def begin(self, scope: TenantScope, target: Target, plan: CrawlPlan) -> CrawlState:
        """The crawl of this version, begun with this plan or earlier with another one."""

    async def keep_seeds(self, scope: TenantScope, target: Target, seeds: Seeds) -> None:
        """What the site said before its first page."""

    async def visits(self, scope: TenantScope, target: Target) -> list[Visit]:
        """What was looked at so far, in this order."""

    async def pause(self, scope: TenantScope, site_id: UUID) -> float | None:
        """Seconds between two requests to the pages of a site, as its last crawl had them; None if it is none."""

    async def quiet_for(self, scope: TenantScope, target: Target) -> float | None:
        """Seconds since the last page came in; None before the first."""

    async def keep(
        self, scope: TenantScope, target: Target, number: int, visits: Sequence[Visit], page: Page | None
    ) -> bool:
        """Takes in what came of a candidate as visits ``number``, …; safe to repeat. False: the version has ended."""

    async def pages(self, tx: Transaction, site_id: UUID) -> list[SitePage]:
        """Every page that the site ever had."""

    async def is_removed(self, tx: Transaction, page_id: UUID) -> bool:
        """Whether a crawl has removed it, and not people."""

    async def waiting(self, scope: TenantScope, target: Target, urls: Sequence[str]) -> list[str]:
        """Those of these pages of which no version was asked for yet."""

    async def assign(self, tx: Transaction, target: Target, url: str, page: Target) -> None:
        """What was fetched is to become this version of the page."""

    async def mark(self, tx: Transaction, site_id: UUID, url: str, page_id: UUID, *, removed: bool) -> None:
        """This source is a page of the site."""

    async def finish(
        self, tx: Transaction, site_id: UUID, version: int, *, is_seen: bool = False, is_warned: bool = False
    ) -> None:
        """The crawl of this version has ended: what it fetched for no page is needed no more. ``is_seen``: it has come to its
        end; ``is_warned``: it would have removed most pages, and has not. A later version's crawl is left alone.
        """
