"""Rows of sources, of their history and their schedules."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from minirag_contracts.context import TenantScope
from minirag_contracts.requests.ingest import (
    IngestionList,
    SourceList,
    SourceRead,
    SourcesSummary,
    VersionList,
)
from minirag_contracts.signals import Progress
from minirag_eventstore import Transaction


class ProgressRows(Protocol):
    """How far a version is, for whoever asks while it is being made."""

    async def note(self, scope: TenantScope, progress: Progress) -> None:
        """In the place of what was noted of the source before."""

    async def forget(self, tx: Transaction, source_ids: Sequence[UUID]) -> None:
        """No version of these is being made any more."""


class IngestionRows(Protocol):
    """The history of sources, of the transaction's tenant. Both raise InvalidRequest for a foreign cursor."""

    async def ingestions(
        self, tx: Transaction, source_id: UUID, limit: int, cursor: str | None
    ) -> IngestionList:
        """Of a source and its children, newest first, with what is known of the running ones at this moment."""

    async def versions(self, tx: Transaction, source_id: UUID, limit: int, cursor: str | None) -> VersionList:
        """Those that were ever visible, newest first."""

    async def kept_before(self, tx: Transaction, source_id: UUID, version: int) -> int | None:
        """The newest version below this one that was visible and whose text is kept."""

    async def is_kept(self, tx: Transaction, source_id: UUID, version: int) -> bool:
        """Whether this version was ever visible and its text is there."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which active sources a list is of: those at the top, those of one parent, or all."""

    bot_id: UUID | None = None
    parent_id: UUID | None = None
    flat: bool = False


@dataclass(frozen=True, slots=True)
class GoneSource:
    """A source that was deactivated, and the last version of it that was asked for."""

    source_id: UUID
    bot_id: UUID
    version: int


class SourceRows(Protocol):
    """Rows of sources, of the transaction's tenant."""

    async def get(self, tx: Transaction, source_id: UUID) -> SourceRead | None:
        """One source; None for an unknown or foreign one."""

    async def listed(self, tx: Transaction, source_ids: Sequence[UUID]) -> list[SourceRead]:
        """These sources, in this order."""

    async def page(self, tx: Transaction, which: Selection, limit: int, cursor: str | None) -> SourceList:
        """Active sources, newest first; raises InvalidRequest for a foreign cursor."""

    async def children(self, tx: Transaction, parent_id: UUID, limit: int, cursor: str | None) -> SourceList:
        """A source's active children, oldest first; raises InvalidRequest for a foreign cursor."""

    async def summary(self, tx: Transaction) -> SourcesSummary:
        """The tenant's active sources in figures."""

    async def active_count(self, tx: Transaction) -> int:
        """How many active sources the tenant has."""

    async def queued_count(self, tx: Transaction) -> int:
        """How many ingestions of the tenant wait or run."""

    async def lock(self, tx: Transaction, source_id: UUID) -> None:
        """From here to the end of the transaction nobody else changes this source. Parents are locked before children."""

    async def parent_of(self, tx: Transaction, source_id: UUID) -> UUID | None:
        """Its parent, if it has one."""

    async def lock_children(self, tx: Transaction, parent_id: UUID, *, active: bool) -> list[UUID]:
        """Locks the active children, or else those that went with their parent, in the order of their creation."""

    async def gone(self, tx: Transaction, source_id: UUID) -> list[GoneSource]:
        """Of this source and its children those that are deactivated and of which a version was ever asked for."""

    async def known(self, tx: Transaction, source_ids: Sequence[UUID]) -> set[UUID]:
        """Which of these there are, active or not."""


@dataclass(frozen=True, slots=True)
class Arranged:
    """The schedule that an active source has, and what the work of its next refresh says; either may be missing."""

    bot_id: UUID
    schedule: str | None
    payload: dict[str, Any] | None


class RefreshRows(Protocol):
    """Which sources have a schedule, and the work that was arranged for them."""

    async def arranged(self, tx: Transaction, source_id: UUID) -> Arranged | None:
        """Of one source as this transaction sees it, locked from here on; None for an unknown one."""

    async def forgotten(self) -> Sequence[tuple[TenantScope, UUID]]:
        """Active sources of all tenants that have a schedule and no work, a bounded number at a time."""
