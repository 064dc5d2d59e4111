"""Chunks per second from the first request until the last source is searchable, through HTTP: `python -m bench.ingestion`.

    --embedder hash     (default) vectors that cost nothing: what everything but the model costs
    --embedder minilm   the local model, beside the same chunks in one process without the stack
    --documents N --characters M --repeat R

Others on the machine slow it down, so it also prints CPU seconds per 1,000 chunks, and the load.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import Final

from bench.client import SETTLED, BenchFailed, Client, client_of
from bench.corpus import gathered
from bench.prose import documents
from bench.report import Clock, heading, line
from bench.stack import Measured, own_stack

TARGET: Final = 1500  # chunks/s with vectors that cost nothing, on two cores
POLL: Final = 0.1
PATIENT_POLL: Final = 0.5  # where it takes long
IN_FLIGHT: Final = 4
WARM_UP: Final = 4  # documents


@dataclass(frozen=True)
class Run:
    """One corpus brought in."""

    chunks: int
    seconds: float
    cpu: dict[str, float]  # milliseconds by process

    @property
    def rate(self) -> float:
        """Chunks per second."""
        return self.chunks / self.seconds

    @property
    def cpu_seconds(self) -> float:
        """Of all processes of the stack, for 1,000 chunks."""
        return sum(self.cpu.values()) / self.chunks

    @property
    def told(self) -> str:
        """Both."""
        return f"{self.rate:.0f} chunks/s, {self.cpu_seconds:.2f} CPU-s per 1,000"


async def settled(client: Client, source_id: str, polls: int = 20) -> None:
    """Wait until the source is ready or in error; after some time without hurry, since looking costs, too."""
    while True:
        if (await client.get(f"/v1/sources/{source_id}")).json()["status"] in SETTLED:
            return
        polls -= 1
        await asyncio.sleep(POLL if polls > 0 else PATIENT_POLL)


async def brought_in(stack: Measured, client: Client, texts: list[str]) -> Run:
    """All of it by a bot of its own. Ready means searchable: the version is activated before."""
    assert stack.tree is not None
    bot_id = await client.bot("Bench")
    before, clock = stack.tree.cpu(), Clock()
    ids = await gathered(
        list(enumerate(texts)), lambda item: client.text(bot_id, f"Document {item[0]}", item[1]), IN_FLIGHT
    )
    for source_id in ids:  # one after the other, so that looking costs little
        await settled(client, source_id)
    seconds = clock.seconds
    sources = await client.sources(bot_id)
    if failed := [source["error_message"] for source in sources if source["status"] == "error"]:
        raise BenchFailed(f"{len(failed)} sources failed: {failed[0]}")
    chunks = sum(source["chunk_count"] for source in sources)
    return Run(chunks, seconds, stack.tree.cpu().since(before))


async def measured(stack: Measured, given: argparse.Namespace) -> list[tuple[Run, Run | None]]:
    """A warm-up, then every repetition with texts of its own; beside each the model alone, where there is one."""
    runs = []
    async with client_of(stack.url) as client:
        await brought_in(stack, client, documents(WARM_UP, given.characters, seed=0))
        for repetition in range(1, given.repeat + 1):
            texts = documents(given.documents, given.characters, seed=repetition)
            run = await brought_in(stack, client, texts)
            label = f"run {repetition}: {given.documents} documents, {run.chunks} chunks"
            line(label, f"{run.told}, load {os.getloadavg()[0]:.1f}")
            alone = await asyncio.to_thread(raw, texts) if given.embedder == "minilm" else None
            if alone is not None:
                line("  the same chunks, the model alone", f"{alone.told}, load {os.getloadavg()[0]:.1f}")
            runs.append((run, alone))
    return runs


def raw(texts: list[str]) -> Run:
    """The model alone, in a process of its own."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(texts, file)
        file.flush()
        command = [sys.executable, "-m", "bench.raw_model", file.name]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return Run(found["chunks"], found["seconds"], {"model": found["cpu_seconds"] * 1000})


def print_runs(runs: list[Run]) -> None:
    """The middle one, and where its CPU time went."""
    middle = sorted(runs, key=lambda run: run.rate)[len(runs) // 2]
    line("chunks/s to searchable, median", f"{middle.rate:.0f}")
    line("CPU-s per 1,000 chunks, median", f"{statistics.median(run.cpu_seconds for run in runs):.2f}")
    for name, milliseconds in sorted(middle.cpu.items(), key=lambda item: -item[1]):
        line(f"  {name}", f"{milliseconds / middle.chunks:.3f}")


def main() -> None:
    """Prints; nothing fails by being slow, since others may be using the machine."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--embedder", choices=("hash", "minilm"), default="hash")
    parser.add_argument("--documents", type=int, default=40)
    parser.add_argument("--characters", type=int, default=80_000, help="of each document")
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    with own_stack({"MINIRAG_RETRIEVAL_EMBEDDER": given.embedder}) as stack:
        heading(f"Ingestion, embedder {given.embedder}, {os.cpu_count()} cores")
        pairs = asyncio.run(measured(stack, given))
        print_runs([run for run, _ in pairs])
        if given.embedder == "hash":
            line("target", f"{TARGET} chunks/s on two cores of its own")
    both = [(run, alone) for run, alone in pairs if alone is not None]
    if both:
        shares = [run.rate / alone.rate for run, alone in both]
        cpu = [alone.cpu_seconds / run.cpu_seconds for run, alone in both]
        line("share of the model's speed, median", f"{statistics.median(shares):.0%}")
        line("share of the CPU that is the model's, median", f"{statistics.median(cpu):.0%}")


if __name__ == "__main__":
    main()
