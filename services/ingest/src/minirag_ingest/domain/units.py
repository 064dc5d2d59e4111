"""The smallest parts of a document that stay whole in a chunk: sentences, table rows, lines of code."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from minirag_ingest.domain.document import Block
from minirag_ingest.domain.sentences import sentences

CountTokens = Callable[[Sequence[str]], list[int]]
"""Texts → the number of tokens of each, without special tokens; additive over white space."""

CHARACTERS_PER_TOKEN = 16
"""A unit costs at least a token for so many characters: what the tokenizer takes for one unknown word may be very long."""
_WORD = re.compile(r"(\s*)(\S+)")
BATCH = 2000


@dataclass(frozen=True, slots=True)
class Unit:
    """``gap`` is what stands between it and the unit before; ``opens`` whether it begins a block."""

    text: str = field(repr=False)
    gap: str
    cost: int
    opens: bool
    block: Block = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Part:
    """A unit that has not been weighed."""

    text: str
    gap: str
    opens: bool
    block: Block


def cost_of(text: str, tokens: int) -> int:
    """What a text takes of a chunk's budget."""
    return max(tokens, len(text) // CHARACTERS_PER_TOKEN + 1)


def units_of(blocks: Iterable[Block], count: CountTokens, most: int) -> Iterator[Unit]:
    """All units in their order, counted in batches; none costs more than ``most`` tokens."""
    parts = _parts(blocks)
    while batch := list(islice(parts, BATCH)):
        for part, cost in zip(batch, _costs([part.text for part in batch], count, most), strict=True):
            if cost <= most:
                yield Unit(part.text, part.gap, cost, part.opens, part.block)
            else:
                yield from _cut(part, count, most)


def _costs(texts: Sequence[str], count: CountTokens, most: int) -> list[int]:
    """What each takes; a text that is too long by its characters alone is not counted, for that takes memory."""
    long = most * CHARACTERS_PER_TOKEN
    tokens = count([text if len(text) <= long else "" for text in texts])
    return [cost_of(text, found) for text, found in zip(texts, tokens, strict=True)]


def _parts(blocks: Iterable[Block]) -> Iterator[_Part]:
    before: Block | None = None
    for block in blocks:
        if not block.text.strip():
            continue
        close = before is not None and before.kind == block.kind == "line"
        first = "\n" if close else "\n\n"
        cut = _lines(block.text) if block.kind == "code" else sentences(block.text.strip())
        for index, (gap, text) in enumerate(cut):
            yield _Part(text, first if index == 0 else gap, index == 0, block)
        before = block


def _lines(text: str) -> Iterator[tuple[str, str]]:
    gap = ""
    for line in text.split("\n"):
        if line.strip():
            yield gap, line.rstrip()
            gap = "\n"
        elif gap:
            gap += "\n"


def _cut(part: _Part, count: CountTokens, most: int) -> Iterator[Unit]:
    """A unit that is too long: at its line ends if it has any, else between words, else anywhere."""
    lines = [(gap, line) for gap, line in _lines(part.text)]
    if len(lines) > 1:
        for index, (gap, line) in enumerate(lines):
            piece = _Part(line, gap if index else part.gap, part.opens and index == 0, part.block)
            [cost] = _costs([line], count, most)
            if cost <= most:
                yield Unit(line, piece.gap, cost, piece.opens, piece.block)
            else:
                yield from _cut_words(piece, count, most)
    else:
        yield from _cut_words(part, count, most)


def _words(text: str, count: CountTokens, most: int) -> Iterator[tuple[str, str]]:
    """Words with the space before them. A rule of dashes is one word and as many tokens, so such a word is cut too."""
    longest = most * CHARACTERS_PER_TOKEN // 2
    for gap, word in _WORD.findall(text):
        pieces = [word[at : at + longest] for at in range(0, len(word), longest)]
        for index, (piece, tokens) in enumerate(zip(pieces, count(pieces), strict=True)):
            step = most if tokens > most else longest
            for at in range(0, len(piece), step):
                yield gap if index == at == 0 else "", piece[at : at + step]


def _cut_words(part: _Part, count: CountTokens, most: int) -> Iterator[Unit]:
    words = list(_words(part.text, count, most))
    costs = count([word for _, word in words])
    text, gap, tokens, opens = "", part.gap, 0, part.opens
    for (space, word), cost in zip(words, costs, strict=True):
        longer = f"{text}{space}{word}" if text else word
        if text and cost_of(longer, tokens + cost) > most:
            yield Unit(text, gap, cost_of(text, tokens), opens, part.block)
            text, gap, tokens, opens = word, space, cost, False
        else:
            text, tokens = longer, tokens + cost
    if text:
        yield Unit(text, gap, cost_of(text, tokens), opens, part.block)
