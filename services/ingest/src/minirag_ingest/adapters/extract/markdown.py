"""Markdown: headings become the path, code stays as it is, links and images become their text."""

import re

from minirag_ingest.adapters.extract.budget import Blocks
from minirag_ingest.adapters.extract.text import decode_utf8
from minirag_ingest.domain.document import Block, BlockKind, Document, Headings, clean, row_text

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_ITEM = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+\S")
_TABLE_RULE = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_RULE = re.compile(r" {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$")
_FRONT_TITLE = re.compile(r"title:[ \t]*[\"']?(.*?)[\"']?[ \t]*$")
_LINK = re.compile(
    r"!?\[([^\]\[]{0,1000})\]\((?:[^()\s]|\([^()\s]{0,1000}\)){0,2000}(?:\s+\"[^\"]{0,500}\")?\)"
)
_STRONG = re.compile(r"(\*\*|__)(?=\S)(.{1,300}?)(?<=\S)\1")


def extract(data: bytes) -> Document:
    """The title is the front matter's, else the first heading of the first level."""
    text = _uncommented(clean(decode_utf8(data)))
    title, lines = _front_matter(text.split("\n"))
    reader = _Reader(title)
    reader.read(lines)
    return Document(reader.title, tuple(reader.blocks))


def _uncommented(text: str) -> str:
    """Without comments; one that has no end is none."""
    parts, at = [], 0
    while (start := text.find("<!--", at)) >= 0 and (end := text.find("-->", start + 4)) >= 0:
        parts.append(text[at:start])
        at = end + 3
    return "".join((*parts, text[at:]))


def _front_matter(lines: list[str]) -> tuple[str | None, list[str]]:
    if not lines or lines[0].strip() != "---":
        return None, lines
    for index, line in enumerate(lines[1:200], start=1):
        if line.strip() in ("---", "..."):
            titles = (_FRONT_TITLE.match(entry) for entry in lines[1:index])
            return next((found[1] for found in titles if found and found[1]), None), lines[index + 1 :]
    return None, lines


def _inline(text: str) -> str:
    return _STRONG.sub(r"\2", _LINK.sub(r"\1", text)).strip()


def _cells(line: str) -> list[str]:
    return [_inline(cell.replace("\\|", "|")) for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


class _Reader:
    """Goes through the lines once; ``pending`` are those of the open paragraph or list item."""

    def __init__(self, title: str | None) -> None:
        self.title = title
        self.blocks = Blocks()
        self._headings = Headings()
        self._pending: list[str] = []
        self._kind: BlockKind = "prose"

    def read(self, lines: list[str]) -> None:
        index = 0
        while index < len(lines):
            index = self._line(lines, index)
        self._flush()

    def _line(self, lines: list[str], index: int) -> int:
        """Reads one line or the construct that begins with it; answers where to go on."""
        line = lines[index]
        if not line.strip():
            self._flush()
        elif fence := _FENCE.match(line):
            return self._code(lines, index + 1, fence[1])
        elif atx := _ATX.match(line):
            self._heading(len(atx[1]), atx[2] or "")
        elif self._pending and self._kind == "prose" and (setext := _SETEXT.match(line)):
            text = " ".join(self._pending)
            self._pending = []
            self._heading(1 if setext[1][0] == "=" else 2, text)
        elif (
            "|" in line
            and index + 1 < len(lines)
            and "|" in lines[index + 1]
            and _TABLE_RULE.match(lines[index + 1])
        ):
            return self._table(lines, index)
        elif _RULE.match(line):
            self._flush()
        elif _ITEM.match(line):
            self._flush()
            self._kind, self._pending = "line", [line.rstrip()]
        else:
            self._pending.append(line.strip())
        return index + 1

    def _heading(self, level: int, text: str) -> None:
        self._flush()
        text = _inline(text)
        self._headings.enter(level, text)
        if level == 1 and self.title is None and text:
            self.title = text

    def _code(self, lines: list[str], start: int, fence: str) -> int:
        self._flush()
        end = next(
            (
                at
                for at in range(start, len(lines))
                if lines[at].strip().startswith(fence) and not lines[at].strip(" `~")
            ),
            len(lines),
        )
        self._add("\n".join(lines[start:end]).strip("\n"), "code")
        return end + 1

    def _table(self, lines: list[str], index: int) -> int:
        self._flush()
        headers, at = _cells(lines[index]), index + 2
        while at < len(lines) and "|" in lines[at]:
            self._add(row_text(headers, _cells(lines[at])), "line")
            at += 1
        return at

    def _flush(self) -> None:
        self._add(_inline("\n".join(self._pending)), self._kind)
        self._pending, self._kind = [], "prose"

    def _add(self, text: str, kind: BlockKind) -> None:
        if text.strip():
            self.blocks.append(Block(text, self._headings.path, kind=kind))
