"""A document as text: blocks in reading order, whatever file they came from."""

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any, Literal, Self

BlockKind = Literal["prose", "line", "code"]
"""``prose`` has sentences; a ``line`` (list item, table row) belongs to its neighbours; ``code`` keeps its lines and spaces."""

_SPACES = re.compile(r"[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_INVISIBLE = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f\u00ad\u200b\u2060\ufeff]")
_RUNS = re.compile(r"[ \t]+")
_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, list item, table row or piece of code. ``page`` (of a PDF) or slide counts from 1.

    ``anchor`` is an HTML id; in an EPUB it is ``chapter.xhtml#id``.
    """

    text: str = field(repr=False)
    heading_path: tuple[str, ...] = ()
    page: int | None = None
    anchor: str | None = None
    kind: BlockKind = "prose"


@dataclass(frozen=True, slots=True)
class Document:
    """What was found in a file or page. ``title`` is None where it names itself nowhere.

    ``language`` is an ISO 639-1 code of ``domain.language``; None where there is too little text to tell.
    """

    title: str | None
    blocks: tuple[Block, ...]
    language: str | None = None

    @property
    def characters(self) -> int:
        """The length of all text."""
        return sum(len(block.text) for block in self.blocks)

    def to_json(self) -> dict[str, Any]:
        """The form in which it is stored and crosses processes; a heading path is written once for its run of blocks."""
        rows: list[list[Any]] = []
        path: tuple[str, ...] | None = None
        for block in self.blocks:
            same = block.heading_path == path
            path = block.heading_path
            rows.append([block.text, None if same else list(path), block.page, block.anchor, block.kind])
        return {"title": self.title, "language": self.language, "blocks": rows}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The inverse of ``to_json``."""
        blocks: list[Block] = []
        path: tuple[str, ...] = ()
        for text, headings, page, anchor, kind in data["blocks"]:
            path = path if headings is None else tuple(headings)
            blocks.append(Block(text, path, page, anchor, kind))
        return cls(data["title"], tuple(blocks), data.get("language"))


def clean(text: str) -> str:
    """NFC, ordinary line ends and spaces, nothing invisible; letters are never joined or lost."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n\n"))
    return _INVISIBLE.sub("", _SPACES.sub(" ", text.replace("\u2028", "\n").replace("\u2029", "\n\n")))


def flow(text: str) -> str:
    """Clean text on one line."""
    return " ".join(clean(text).split())


def paragraphs(text: str) -> list[str]:
    """Clean text cut at blank lines; single line ends stay, runs of spaces become one."""
    parts = _BLANK_LINES.split(clean(text).strip("\n"))
    return [part for part in (_RUNS.sub(" ", part).strip() for part in parts) if part]


def row_text(headers: list[str], cells: list[str]) -> str:
    """A table row that is understood without its table: ``Name: Ada; Born: 1815``."""
    if not any(cells):
        return ""
    width = max(len(headers), len(cells))
    names, values = headers + [""] * (width - len(headers)), cells + [""] * (width - len(cells))
    if not any(names):
        return " | ".join(value for value in values if value)
    return "; ".join(
        f"{name}: {value}" if name else value for name, value in zip(names, values, strict=True) if value
    )


class Headings:
    """The path of headings at the reading position."""

    def __init__(self) -> None:
        self._open: list[tuple[int, str]] = []

    @property
    def path(self) -> tuple[str, ...]:
        """Outermost first."""
        return tuple(text for _, text in self._open)

    def enter(self, level: int, text: str) -> None:
        """A heading of this level (1 is the highest) ends those of its own and lower levels."""
        while self._open and self._open[-1][0] >= level:
            self._open.pop()
        if text:
            self._open.append((level, text))
