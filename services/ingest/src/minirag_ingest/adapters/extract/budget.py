"""How much text one document may have, watched while it is read: what is too much is refused before it fills the memory."""

from collections.abc import Iterable

from minirag_ingest.adapters.extract.errors import Unreadable
from minirag_ingest.domain.document import Block

MAX_CHARACTERS = 20_000_000
"""Of extracted text; the largest upload has half of that."""
MAX_BLOCKS = 1_000_000


class Blocks(list[Block]):
    """A list of blocks that refuses to grow beyond the limits. Blocks are added by ``append`` and ``extend`` alone."""

    def __init__(self, blocks: Iterable[Block] = ()) -> None:
        super().__init__()
        self._characters = 0
        self.extend(blocks)

    def append(self, block: Block) -> None:
        """Raises Unreadable when there is too much text."""
        self._characters += len(block.text)
        if self._characters > MAX_CHARACTERS:
            raise Unreadable(
                f"The document contains more than {MAX_CHARACTERS // 1_000_000} million characters of text."
            )
        if len(self) >= MAX_BLOCKS:
            raise Unreadable(f"The document has more than {MAX_BLOCKS:,} paragraphs, rows and list items.")
        super().append(block)

    def extend(self, blocks: Iterable[Block]) -> None:
        """As ``append``, one after the other."""
        for block in blocks:
            self.append(block)
