"""Real files through the extraction pool: format × outcome × time × share of the text recovered, every failure by name.

    python -m bench.formats [--folder DIR] [--seed N]

Needs Debian's apt-get, and uses pandoc, lynx, pdftotext (poppler-utils) and LibreOffice for making files and as references.
"""

import argparse
import asyncio
import re
import shutil
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from minirag_ingest.adapters.extract.pool import ExtractionPool
from minirag_ingest.domain.document import Document
from minirag_ingest.domain.sizes import Sizes
from minirag_ingest.ports import ExtractionInterrupted, Raw, StoredDocument, Unreadable

from bench.corpus import gathered
from bench.formats_corpus import Sample, collected, run

IN_FLIGHT: Final = 2
ENOUGH: Final = 0.9  # of the reference's words; files below it are named
_WORD: Final = re.compile(r"[^\W_]{2,}")
PANDOC: Final = {"docx": "docx", "epub": "epub", "rst": "rst", "md": "gfm"}


@dataclass(frozen=True)
class Outcome:
    """What became of one file. `recovered` is a share of the reference's words, None where there is no reference."""

    sample: Sample
    seconds: float
    chunk_seconds: float = 0.0
    chunks: int = 0
    language: str | None = None
    recovered: float | None = None
    error: str | None = None


async def main(folder: Path, seed: int) -> bool:
    """Prints the table; whether every file was read or refused with a reason, and the texts are recovered."""
    for program in ("apt-get", "pandoc", "lynx", "pdftotext"):
        if shutil.which(program) is None:
            raise SystemExit(f"{program} is needed.")
    samples = await asyncio.to_thread(collected, folder, seed)
    print(f"{len(samples)} files", flush=True)
    pool = ExtractionPool(size=IN_FLIGHT)
    try:
        outcomes = await gathered(samples, lambda sample: _read(pool, sample), IN_FLIGHT)
    finally:
        await pool.close()
    _print(outcomes)
    return len(samples) >= 300 and not any(outcome.error == "unexplained" for outcome in outcomes)


async def _read(pool: ExtractionPool, sample: Sample) -> Outcome:
    raw = Raw(sample.path.read_bytes(), sample.path.name)
    started = time.perf_counter()
    try:
        document = await pool.extract(raw)
    except (Unreadable, ExtractionInterrupted) as error:
        return Outcome(sample, time.perf_counter() - started, error=str(error) or "unexplained")
    seconds = time.perf_counter() - started
    started = time.perf_counter()
    title = document.title or sample.path.name
    chunks = await pool.chunk(StoredDocument(title, None, document), Sizes())
    chunk_seconds = time.perf_counter() - started
    recovered = await asyncio.to_thread(_recovered, sample, document)
    return Outcome(sample, seconds, chunk_seconds, len(chunks), document.language, recovered)


def _recovered(sample: Sample, document: Document) -> float | None:
    """The share of the reference's words, each as often as it occurs there, that were read."""
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


def _print(outcomes: list[Outcome]) -> None:
    formats: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        formats[outcome.sample.format].append(outcome)
    print(f"{'format':7} {'files':>5} {'read':>5} {'refused':>7} {'ms p50':>7} {'p95':>6} {'max':>6} {'chunk p95':>9} "
          f"{'chunks':>7} {'recovered p50':>13} {'p10':>6}")  # fmt: skip
    for name, of_format in sorted(formats.items()):
        print(_row(name, of_format))
    print(_row("all", outcomes))
    print("languages:", dict(Counter(outcome.language or "-" for outcome in outcomes).most_common()))
    for outcome in outcomes:
        if outcome.error:
            print(f"refused: {outcome.sample.format} {outcome.sample.path.name}: {outcome.error}")
    for outcome in sorted(outcomes, key=lambda each: each.recovered or 0):
        if outcome.recovered is not None and outcome.recovered < ENOUGH and outcome.sample.format != "html":
            print(f"recovered {outcome.recovered:.2f}: {outcome.sample.format} {outcome.sample.path.name}")


def _row(name: str, outcomes: list[Outcome]) -> str:
    read = [outcome for outcome in outcomes if outcome.error is None]
    times = sorted(outcome.seconds * 1000 for outcome in outcomes)
    cutting = sorted(outcome.chunk_seconds * 1000 for outcome in read) or [0.0]
    shares = sorted(outcome.recovered for outcome in read if outcome.recovered is not None) or [0.0]
    return (
        f"{name:7} {len(outcomes):5} {len(read):5} {len(outcomes) - len(read):7} {statistics.median(times):7.0f} "
        f"{_at(times, 0.95):6.0f} {times[-1]:6.0f} {_at(cutting, 0.95):9.0f} {sum(outcome.chunks for outcome in read):7} "
        f"{statistics.median(shares):13.3f} {_at(shares, 0.1):6.3f}"
    )


def _at(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--folder", type=Path, help="where the packages are kept from one run to the next")
    parser.add_argument("--seed", type=int, default=20261126)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        good = asyncio.run(main(arguments.folder or Path(temporary), arguments.seed))
    raise SystemExit(0 if good else 1)
