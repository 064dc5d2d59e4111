"""Real documents: Debian's documentation packages, unpacked without being installed, and what converters make of them."""

import csv
import gzip
import json
import os
import random
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Final

_PACKAGES: Final = """
apache2-doc bash-doc debian-faq debian-faq-de debian-faq-fr debian-faq-it debian-faq-ru debian-handbook debian-policy
debian-reference-en developers-reference developers-reference-de developers-reference-fr git-doc gnuplot-doc
installation-guide-amd64 iso-codes manpages manpages-de manpages-es manpages-fr python3.11-doc sqlite3-doc
"""
PACKAGES: Final = _PACKAGES.split()
SMALL: Final = 400  # bytes; smaller files have nothing to tell
LARGE: Final = 3_000_000  # bytes; an upload has up to 10 MB


@dataclass(frozen=True)
class Sample:
    """A file to be read. `origin` is what it was made of; None for a file as it lies in its package."""

    path: Path
    format: str
    origin: Path | None = None


def unpacked(folder: Path) -> Path:
    """The packages' files; downloaded once."""
    root = folder / "root"
    if not root.exists():
        debs = folder / "debs"
        debs.mkdir(parents=True, exist_ok=True)
        for package in PACKAGES:
            run(["apt-get", "download", "-qq", package], cwd=debs, check=False)
        for deb in sorted(debs.glob("*.deb")):
            run(["dpkg-deb", "-x", str(deb), str(root)])
    if not root.exists():
        raise SystemExit("No package could be downloaded: this needs Debian with its documentation packages.")
    return root / "usr" / "share"


def collected(folder: Path, seed: int) -> list[Sample]:
    """About 450 samples; the same for the same seed and packages."""
    share, made = unpacked(folder), folder / "made"
    if made.exists():
        shutil.rmtree(made)
    made.mkdir()
    rng = random.Random(seed)
    pages = _some(share, rng, 130, "*.html")
    texts = [
        Sample(path, "txt") for path in _unzipped(_some(share / "doc", rng, 30, "*.txt", "*.txt.gz"), made)
    ]
    samples = [Sample(path, "html") for path in pages] + texts
    samples += [Sample(path, "pdf") for path in _unzipped(_some(share, rng, 40, "*.pdf", "*.pdf.gz"), made)]
    samples += [Sample(path, "epub") for path in _some(share, rng, 10, "*.epub")]
    samples += [Sample(path, "md") for path in _some(share, rng, 10, "*.md")]
    samples += [Sample(path, "json") for path in _some(share, rng, 20, "*.json")]
    samples += list(_sources(_some(share, rng, 45, "*.rst.txt"), made))
    samples += list(_made(share, pages, texts, made, rng))
    return samples


def _some(root: Path, rng: random.Random, count: int, *patterns: str) -> list[Path]:
    found = sorted(
        path
        for pattern in patterns
        for path in root.rglob(pattern)
        if path.is_file() and not path.is_symlink() and SMALL <= path.stat().st_size <= LARGE
    )
    return sorted(rng.sample(found, min(count, len(found))))


def _unzipped(paths: Sequence[Path], made: Path) -> Iterator[Path]:
    for number, path in enumerate(paths):
        if path.suffix != ".gz":
            yield path
            continue
        target = made / f"{number}-{path.stem}"
        target.write_bytes(gzip.decompress(path.read_bytes()))
        yield target


def _sources(paths: Sequence[Path], made: Path) -> Iterator[Sample]:
    for path in paths:
        target = made / path.name.removesuffix(".txt")
        shutil.copy(path, target)
        yield Sample(target, "rst")


def _made(
    share: Path, pages: Sequence[Path], texts: Sequence[Sample], made: Path, rng: random.Random
) -> Iterator[Sample]:
    """What LibreOffice, pandoc and Python's own modules make of the real files."""
    manuals = list(_unzipped(_some(share / "man", rng, 40, "*.1.gz", "*.5.gz", "*.7.gz"), made))
    slides: list[Sample] = []
    yield from _by_office(pages[:25], "docx", made)
    for origins, reader, target, count in (
        (manuals, "man", "docx", 12),
        (manuals[12:], "man", "epub", 8),
        (pages[25:], "html", "epub", 12),
        (pages[40:], "html", "pptx", 15),
        (pages[60:], "html", "md", 15),
    ):
        converted = list(_by_pandoc(origins[:count], reader, target, made))
        slides += [sample for sample in converted if target == "pptx"]
        yield from converted
    tables = list(_tables(share, made))
    yield from tables
    yield from _by_office([sample.path for sample in tables if sample.format == "csv"], "xlsx", made)
    pages_of = {sample.path: sample.origin for sample in slides}
    for sample in _by_office([sample.path for sample in slides[:10]], "pptx", made):
        yield Sample(sample.path, "pptx", pages_of[sample.origin] if sample.origin else None)
    yield from _letters(pages, [sample.path for sample in texts], made)


def _by_office(origins: Sequence[Path], target: str, made: Path) -> Iterator[Sample]:
    """LibreOffice, one process for all; what it cannot convert is left out."""
    if shutil.which("soffice") is None or not origins:
        print(f"  no LibreOffice: no {target} made by it")
        return
    out = made / f"office-{target}"
    profile = f"-env:UserInstallation={(made / 'profile').as_uri()}"
    copies = [made / "named" / f"{number}-{path.name}" for number, path in enumerate(origins)]
    (made / "named").mkdir(exist_ok=True)
    for origin, copy in zip(origins, copies, strict=True):
        shutil.copy(origin, copy)
    options = ["--infilter=HTML (StarWriter)"] if target == "docx" else []
    command = ["soffice", "--headless", profile, *options, "--convert-to", target, "--outdir", str(out)]
    run([*command, *map(str, copies)], check=False)
    for origin, copy in zip(origins, copies, strict=True):
        if (found := out / f"{copy.stem}.{target}").exists():
            yield Sample(found, target, origin)


def _by_pandoc(origins: Sequence[Path], reader: str, target: str, made: Path) -> Iterator[Sample]:
    out = made / f"pandoc-{target}"
    out.mkdir(exist_ok=True)
    writer = {"md": "gfm"}.get(target, target)
    for number, origin in enumerate(origins):
        path = out / f"{number}-{origin.stem}.{target}"
        command = [
            "pandoc",
            "-f",
            reader,
            "-t",
            writer,
            "--metadata",
            f"title={origin.stem}",
            "-o",
            str(path),
        ]
        run([*command, str(origin)], cwd=origin.parent, check=False)
        if path.exists() and path.stat().st_size > SMALL:
            yield Sample(path, target, origin)


def _tables(share: Path, made: Path) -> Iterator[Sample]:
    """Lists of the iso-codes package as CSV, TSV and JSON Lines."""
    for path in sorted((share / "iso-codes").rglob("iso_*.json")):
        [records] = json.loads(path.read_text()).values()
        names = sorted({name for record in records for name in record})
        for suffix, delimiter in (("csv", ","), ("tsv", "\t")):
            target = made / f"{path.stem}.{suffix}"
            with target.open("w", newline="") as file:
                writer = csv.DictWriter(file, names, delimiter=delimiter)
                writer.writeheader()
                writer.writerows(records)
            yield Sample(target, suffix)
        lines = made / f"{path.stem}.jsonl"
        lines.write_text("\n".join(json.dumps(record, ensure_ascii=False) for record in records))
        yield Sample(lines, "jsonl")


def _letters(pages: Sequence[Path], texts: Sequence[Path], made: Path) -> Iterator[Sample]:
    """E-mails as a mail program writes them: a text, a page as alternative, or a file attached."""
    for number, (page, text) in enumerate(zip(pages[80:105], texts, strict=False)):
        message = EmailMessage()
        message["From"], message["To"] = "Ada <ada@example.org>", "Bob <bob@example.org>"
        message["Subject"], message["Date"] = text.stem, "Thu, 01 Oct 2026 10:00:00 +0000"
        if number % 3 == 0:
            message.set_content(page.read_text(errors="replace"), subtype="html")
            origin = page
        else:
            message.set_content(text.read_text(errors="replace"))
            origin = text
        if number % 3 == 1:
            message.add_attachment(page.read_bytes(), maintype="text", subtype="html", filename=page.name)
        path = made / f"letter-{number}.eml"
        path.write_bytes(bytes(message))
        yield Sample(path, "eml", origin)


def run(command: list[str], *, cwd: Path | None = None, check: bool = True) -> str:
    """The program's output; with `check`, a failure ends it all."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, cwd=cwd, check=False, capture_output=True, timeout=600, env=environment)
    if check and done.returncode:
        raise SystemExit(f"{command[0]} failed: {done.stderr.decode(errors='replace')[-300:]}")
    return done.stdout.decode(errors="replace")
