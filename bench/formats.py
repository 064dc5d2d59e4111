"""Real files through the API of a real stack: format × outcome × time × share of the text recovered, every failure by name.

    python -m bench.formats [--folder DIR] [--largest KIB] [--seed N]

Uploads every file, two at a time, and waits for the event that tells its end; then compares the text that the stack has
stored with what another program reads in the same file. Needs Debian's apt-get, pandoc, lynx and pdftotext (poppler-utils);
with LibreOffice (soffice) there are about 40 more files, DOCX and XLSX as offices make them.
"""

import argparse
import asyncio
import itertools
import json
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.client import BenchFailed, Client, client_of
from bench.corpus import gathered
from bench.formats_corpus import Sample, collected
from bench.formats_report import Outcome, print_outcomes
from bench.formats_text import Texts, recovered
from bench.report import Clock, heading, line, print_cpu
from bench.stack import Measured, own_stack

IN_FLIGHT: Final = 2  # so that a file's time is its own and not that of a queue
LEAST: Final = 300  # files
TOLD_EVERY: Final = 50  # files
ENDS: Final = "source.ingest.completed,source.ingest.failed"
PATIENCE: Final = 600.0  # seconds for one file
PROGRAMS: Final = {"apt-get": "apt", "pandoc": "pandoc", "lynx": "lynx", "pdftotext": "poppler-utils"}


@dataclass
class Ends:
    """The ends of ingestions, as the event stream tells them: source → the event's type and data."""

    opened: asyncio.Event = field(default_factory=asyncio.Event)
    told: dict[str, asyncio.Future[dict[str, object]]] = field(default_factory=dict)

    def of(self, source_id: str) -> asyncio.Future[dict[str, object]]:
        """The event that tells it, once it has come."""
        return self.told.setdefault(source_id, asyncio.get_running_loop().create_future())

    async def listen(self, client: Client) -> None:
        """Until it is cancelled."""
        headers = {"Authorization": f"Bearer {client.token}"}
        async with client.http.stream(
            "GET", "/v1/events", headers=headers, params={"types": ENDS}, timeout=None
        ) as response:
            response.raise_for_status()
            async for text in response.aiter_lines():
                self.opened.set()
                if text.startswith("data: "):
                    data = json.loads(text.removeprefix("data: "))["data"]
                    ended = self.of(data["source_id"])
                    if not ended.done():
                        ended.set_result(data)


async def measure(stack: Measured, samples: list[Sample]) -> list[Outcome]:
    """What became of each file, in the order of the files."""
    assert stack.data_dir is not None  # it is a stack of our own
    before = stack.tree.cpu() if stack.tree else None
    async with client_of(stack.url) as client, Texts.of(stack.data_dir) as texts:
        bot_id, ends, clock = await client.bot("Files"), Ends(), Clock()
        through = itertools.count(1)

        async def one(sample: Sample) -> Outcome:
            outcome = await _ingested(client, bot_id, ends, texts, sample)
            if (number := next(through)) % TOLD_EVERY == 0:
                print(f"  {clock.seconds:5.0f} s: {number} of {len(samples)} files", flush=True)
            return outcome

        listening = asyncio.create_task(ends.listen(client))
        try:
            await ends.opened.wait()
            outcomes = await gathered(samples, one, IN_FLIGHT)
        finally:
            listening.cancel()
        ready = [source for source in await client.sources(bot_id) if source["status"] == "ready"]
    chunks = sum(outcome.chunks for outcome in outcomes)
    heading("Ingestion")
    line("files that are ready, as the API lists them", f"{len(ready)} of {len(samples)}")
    line("time", f"{clock.seconds:.0f} s")
    line("chunks", f"{chunks}, {chunks / clock.seconds:.1f} a second")
    if stack.tree and before:
        print_cpu(stack.tree.cpu().since(before), len(samples), "file")
    return outcomes


async def _ingested(client: Client, bot_id: str, ends: Ends, texts: Texts, sample: Sample) -> Outcome:
    """Uploads one file, and waits for its end. Seconds run from the upload's first byte until it is searchable, or refused."""
    clock = Clock()
    try:
        source_id = await client.upload(bot_id, sample.path.name, sample.path.read_bytes())
        told = await asyncio.wait_for(asyncio.shield(ends.of(source_id)), PATIENCE)
    except BenchFailed as refused:
        return Outcome(sample, clock.seconds, error=str(refused))
    except TimeoutError:
        return Outcome(sample, clock.seconds, error=f"unexplained: no end within {PATIENCE:.0f} s")
    if "error" in told:
        return Outcome(sample, clock.seconds, error=str(told["error"]) or "unexplained")
    seconds = clock.seconds
    document = await texts.document(source_id)
    share = await asyncio.to_thread(recovered, sample, document)
    return Outcome(sample, seconds, int(str(told["chunk_count"])), document.language, share)


def main() -> None:
    """Exits with 1 when there were too few files, or one failed without a reason."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, help="where the packages are kept from one run to the next")
    parser.add_argument("--largest", type=int, default=3000, help="KiB; larger files are left out")
    parser.add_argument("--seed", type=int, default=20261126)
    given = parser.parse_args()
    missing = [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    if missing:
        raise SystemExit(f"This needs Debian, and its packages {', '.join(missing)}.")
    with tempfile.TemporaryDirectory() as temporary:
        samples = [
            sample
            for sample in collected(given.folder or Path(temporary), given.seed)
            if sample.path.stat().st_size <= given.largest * 1024
        ]
        print(f"{len(samples)} files", flush=True)
        with own_stack() as stack:
            outcomes = asyncio.run(measure(stack, samples))
        print_outcomes(outcomes)
    unexplained = [outcome for outcome in outcomes if (outcome.error or "").startswith("unexplained")]
    raise SystemExit(len(samples) < LEAST or bool(unexplained))


if __name__ == "__main__":
    main()
