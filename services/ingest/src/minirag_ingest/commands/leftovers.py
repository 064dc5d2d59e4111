"""What the making of a version leaves behind when it has ended, however it did."""

from collections.abc import Sequence
from uuid import UUID

from minirag_eventstore import Transaction

from minirag_ingest.ports import ContentRows, ProgressRows

KEPT_VERSIONS = 3
"""Versions that answered whose text is kept: the visible one, and two to go back to."""


class Leftovers:
    """Cleared in the transaction that records the end."""

    def __init__(self, contents: ContentRows, progress: ProgressRows) -> None:
        self._contents = contents
        self._progress = progress

    async def clear(self, tx: Transaction, source_ids: Sequence[UUID]) -> None:
        """The text of what did not become visible, of what is too old, and the note of how far it was."""
        await self._contents.drop_documents(tx, source_ids, KEPT_VERSIONS)
        await self._progress.forget(tx, source_ids)
