"""A document as chunks: whole sentences, up to so many tokens with their header, some of overlap, sections kept apart.

Pure: the same document gives the same chunks, and an edit changes those around it. Chunks prefer to end with a paragraph, which
is also what lets the chunks after an edit fall back into step.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from minirag_contracts.requests.retrieval import Chunk

from minirag_ingest.domain.document import Document
from minirag_ingest.domain.sections import Section, grouped
from minirag_ingest.domain.sizes import SPECIAL_TOKENS, Sizes
from minirag_ingest.domain.units import CountTokens, Unit, cost_of, units_of

PARAGRAPH_FROM = 0.7
"""A chunk that is filled to this part ends with a paragraph if it can."""
PATH_SEPARATOR = " \u203a "


@dataclass(frozen=True, slots=True)
class _Header:
    text: str
    cost: int
    room: int
    """Tokens that are left for the text."""


@dataclass(slots=True)
class _Headers:
    """Headers by heading path, counted once."""

    title: str
    count: CountTokens
    sizes: Sizes
    known: dict[tuple[str, ...], _Header] = field(default_factory=dict)

    def of(self, path: tuple[str, ...]) -> _Header:
        """``title > heading > heading``, without a heading that only repeats the title."""
        header = self.known.get(path)
        if header is None:
            header = self.known[path] = self._shortened(path)
        return header

    def _shortened(self, path: tuple[str, ...]) -> _Header:
        most = self.sizes.max_header
        parts = [self.title, *path[1:]] if path and _same(path[0], self.title) else [self.title, *path]
        for text in (PATH_SEPARATOR.join(parts), PATH_SEPARATOR.join(dict.fromkeys((parts[0], parts[-1])))):
            cost = cost_of(text, self.count([text])[0])
            if cost <= most:
                return self._header(text, cost)
        words = text[: most * 8].split()
        costs = self.count(words)
        while words and cost_of(" ".join(words), sum(costs)) > most:
            words.pop()
            costs.pop()
        text = " ".join(words)
        return self._header(text, cost_of(text, sum(costs)))

    def _header(self, text: str, cost: int) -> _Header:
        return _Header(text, cost, self.sizes.chunk - SPECIAL_TOKENS - cost)


def chunks_of(
    document: Document, title: str, url: str | None, count: CountTokens, sizes: Sizes | None = None
) -> list[Chunk]:
    """All chunks in reading order; empty for a document without text."""
    sizes = sizes or Sizes()
    headers = _Headers(title, count, sizes)
    sections = grouped(
        (
            Section.of(path, list(units))
            for path, units in groupby(
                units_of(document.blocks, count, sizes.max_unit), key=lambda unit: unit.block.heading_path
            )
        ),
        room=lambda path: headers.of(path).room,
        count=count,
        sizes=sizes,
    )
    found: list[Chunk] = []
    for section in sections:
        header = headers.of(section.path)
        heading = PATH_SEPARATOR.join(section.path) or None
        for units, first in _packed(section.units, header.room, sizes.overlap):
            block = first.block
            found.append(
                Chunk(
                    ordinal=len(found),
                    header=header.text,
                    text=_joined(units),
                    title=title,
                    url=url,
                    page=block.page,
                    heading=heading,
                    anchor=block.anchor,
                    language=document.language,
                )
            )
    return found


def _packed(units: Sequence[Unit], room: int, overlap: int) -> Iterator[tuple[Sequence[Unit], Unit]]:
    """Runs of units that fit, each with the first unit that the run before did not have."""
    start = done = 0
    while done < len(units):
        end = _end(units, start, done, room)
        yield units[start:end], units[done]
        start, done = _overlap(units, start, end, room, overlap), end


def _end(units: Sequence[Unit], start: int, done: int, room: int) -> int:
    """Where the run that begins at ``start`` ends; always beyond ``done``."""
    end, filled, paragraph = start, 0, 0
    while end < len(units) and filled + units[end].cost <= room:
        filled += units[end].cost
        end += 1
        if end < len(units) and units[end].opens and end > done and filled >= room * PARAGRAPH_FROM:
            paragraph = end
    # A unit always fits a chunk of its own (MAX_UNIT); should one not, it is cut off by the model rather than repeated for ever.
    return paragraph if paragraph and end < len(units) else max(end, done + 1)


def _overlap(units: Sequence[Unit], start: int, end: int, room: int, most: int) -> int:
    """Where the next run begins: whole units back from ``end``, as long as the next new one still fits."""
    if end >= len(units):
        return end
    allowed = min(most, room - units[end].cost)
    back, tokens = end, 0
    while back - 1 > start and tokens + units[back - 1].cost <= allowed:
        back -= 1
        tokens += units[back].cost
    return back


def _joined(units: Iterable[Unit]) -> str:
    parts: list[str] = []
    for unit in units:
        parts += (unit.gap, unit.text) if parts else (unit.text,)
    return "".join(parts)


def _same(heading: str, title: str) -> bool:
    """Whether a heading says nothing that the title does not."""
    return heading.casefold() in title.casefold()
