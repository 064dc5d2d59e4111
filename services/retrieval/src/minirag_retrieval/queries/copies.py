"""Near copies: passages that mostly repeat a better one take the place of something new."""

import re
from collections.abc import Iterable

from minirag_retrieval.ports import PassageRow

SHINGLE = 4
"""Words in a row that count as the same text."""
OVERLAP = 0.5

_WORD = re.compile(r"\w+")


def distinct(passages: Iterable[PassageRow], limit: int) -> list[PassageRow]:
    """The first ``limit`` passages that share at most half of their shingles with a better one."""
    chosen: list[tuple[PassageRow, set[int]]] = []
    for passage in passages:
        if len(chosen) == limit:
            break
        shingles = _shingles(passage.text)
        if not any(_overlap(shingles, better) > OVERLAP for _, better in chosen):
            chosen.append((passage, shingles))
    return [passage for passage, _ in chosen]


def _shingles(text: str) -> set[int]:
    words = _WORD.findall(text.lower())
    return {hash(tuple(words[start : start + SHINGLE])) for start in range(max(1, len(words) - SHINGLE + 1))}


def _overlap(one: set[int], other: set[int]) -> float:
    return len(one & other) / min(len(one), len(other))
