"""How long chunks are, in tokens of the embedding model, and what follows from it."""

from dataclasses import dataclass
from typing import Any

CHUNK_TOKENS = 256
"""What the embedding model reads, its two special tokens included: no chunk can be longer."""
MIN_TOKENS = 64
SPECIAL_TOKENS = 2
OVERLAP_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Sizes:
    """``chunk``: most tokens of a chunk with its header; ``overlap``: most tokens that two neighbours share."""

    chunk: int = CHUNK_TOKENS
    overlap: int = OVERLAP_TOKENS

    def __post_init__(self) -> None:
        if not MIN_TOKENS <= self.chunk <= CHUNK_TOKENS:
            raise ValueError(f"The chunk size must be from {MIN_TOKENS} to {CHUNK_TOKENS} tokens.")
        if not 0 <= self.overlap <= self.chunk // 2:
            raise ValueError("The overlap of chunks must be from 0 to half the chunk size, in tokens.")

    @classmethod
    def of(cls, config: dict[str, Any]) -> "Sizes":
        """From a source's ``chunk_size`` and ``chunk_overlap``; raises ValueError with a sentence for people."""
        chunk = _whole(config, "chunk_size", CHUNK_TOKENS)
        usual = OVERLAP_TOKENS * chunk // CHUNK_TOKENS
        return cls(chunk, _whole(config, "chunk_overlap", usual))

    @property
    def max_header(self) -> int:
        """A longer header is shortened."""
        return self.chunk // 4

    @property
    def max_unit(self) -> int:
        """A longer sentence is cut between words, since with its header it would not fit into a chunk."""
        return self.chunk - SPECIAL_TOKENS - self.max_header - self.chunk // 25

    @property
    def small(self) -> int:
        """A smaller section joins its neighbour under the same top-level heading."""
        return self.chunk * 100 // CHUNK_TOKENS

    @property
    def tiny(self) -> int:
        """A smaller section joins its neighbour even under another top-level heading."""
        return self.chunk * 40 // CHUNK_TOKENS


def _whole(config: dict[str, Any], name: str, usual: int) -> int:
    value = config.get(name)
    if value is None:
        return usual
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{name} must be a whole number of tokens.")  # noqa: TRY004  # it is data, and callers know one kind of refusal
    return value
