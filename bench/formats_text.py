"""How much of a file's text the stack has: what it has stored beside what another program reads in the same file."""

import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from minirag_ingest.domain.document import Document

from bench.formats_corpus import Sample, run
from bench.tables import connected

PANDOC: Final = {"docx": "docx", "epub": "epub", "rst": "rst", "md": "gfm"}
_WORD: Final = re.compile(r"[^\W_]{2,}")
_TEXT: Final = "SELECT body FROM ingest.documents WHERE source_id = $1::uuid ORDER BY version DESC LIMIT 1"


@dataclass(frozen=True)
class Texts:
    """The texts of a running stack's sources. No route shows them, so they are read where they lie."""

    connection: Any

    @classmethod
    @asynccontextmanager
    async def of(cls, data_dir: Path) -> AsyncIterator[Self]:
        """Of the stack with this data folder."""
        async with connected(data_dir) as connection:
            yield cls(connection)

    async def document(self, source_id: str) -> Document:
        """The text of a source that is ready."""
        return Document.from_json(json.loads(await self.connection.fetchval(_TEXT, source_id)))


def recovered(sample: Sample, document: Document) -> float | None:
    """The share of the reference's words, each as often as it occurs there, that were read; None without a reference."""
    wanted = Counter(_WORD.findall(_reference(sample).lower()))
    parts = [document.title or ""]
    before: tuple[str, ...] = ()
    for block in document.blocks:
        parts += block.heading_path if block.heading_path != before else ()
        parts.append(block.text)
        before = block.heading_path
    found = Counter(_WORD.findall(" ".join(parts).lower()))
    total = wanted.total()
    return (wanted & found).total() / total if total else None


def _reference(sample: Sample) -> str:
    """What another program reads in the file, or in that of which it was made."""
    path, made_of = sample.path, sample.origin or sample.path
    if sample.format in PANDOC:
        return run(["pandoc", "-f", PANDOC[sample.format], "-t", "plain", str(path)], check=False)
    if sample.format == "pdf":
        return run(["pdftotext", str(path), "-"], check=False)
    if sample.format in ("json", "jsonl"):
        return " ".join(re.findall(r'"((?:[^"\\]|\\.)*)"\s*[,}\]]', path.read_text()))
    return _page(made_of) if made_of.suffix == ".html" else made_of.read_text(errors="replace")


def _page(path: Path) -> str:
    """A page as a text browser shows it, menus included."""
    options = ["-dump", "-nolist", "-width=1000", "-assume_charset=utf-8", "-display_charset=utf-8"]
    return run(["lynx", *options, str(path)], check=False)
