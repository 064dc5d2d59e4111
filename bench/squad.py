"""SQuAD through HTTP: `python -m bench.squad FILE.json.gz [--sample N]`.

The file holds `docs` (id, title, text) and `queries` (query, doc). Every paragraph becomes a text source under its
article's title; every question is asked in a conversation of its own; a hit is the right paragraph among the five
citations.
"""

import argparse
import asyncio
import gzip
import json
import random
import sys
from pathlib import Path
from typing import Any, Final

from bench.client import Client, client_of
from bench.corpus import all_settled, cited, gathered, print_ingested
from bench.processes import MemorySampler
from bench.report import Clock, heading, line, percentile, print_cpu, print_memory
from bench.stack import Measured, own_stack

SEED: Final = 20261122
EXPECTED: Final = 0.93  # hit@5


async def ingest(client: Client, bot_id: str, docs: list[dict[str, Any]], in_flight: int) -> dict[str, str]:
    """Bring every paragraph in; source id → paragraph's id."""
    clock = Clock()
    ids = await gathered(docs, lambda doc: client.text(bot_id, doc["title"], doc["text"]), in_flight)
    names = {source_id: str(doc["id"]) for source_id, doc in zip(ids, docs, strict=True)}
    line("paragraphs sent", f"{len(docs)} in {clock.seconds:.1f} s")
    print_ingested(await all_settled(client, bot_id, len(docs), clock), names)
    return names


async def ask(
    client: Client, bot_id: str, queries: list[dict[str, Any]], names: dict[str, str], in_flight: int
) -> float:
    """Ask every question; hit@5."""
    ranks: list[int | None] = []
    times: list[float] = []

    async def one(query: dict[str, Any]) -> None:
        clock = Clock()
        found = [names[source_id] for source_id in cited(await client.ask(bot_id, query["query"]))]
        times.append(clock.seconds * 1000)
        ranks.append(found.index(query["doc"]) + 1 if query["doc"] in found else None)

    clock = Clock()
    await gathered(queries, one, in_flight)
    hits = [rank for rank in ranks if rank]
    line("questions", f"{len(ranks)} in {clock.seconds:.1f} s, {in_flight} at a time")
    line("hit@5", f"{len(hits) / len(ranks):.4f} (expected: {EXPECTED})")
    line("hit@1", f"{hits.count(1) / len(ranks):.4f}")
    line("MRR@5", f"{sum(1 / rank for rank in hits) / len(ranks):.4f}")
    line("time per answer, p50 / p95", f"{percentile(times, 50):.0f} / {percentile(times, 95):.0f} ms")
    return len(hits) / len(ranks)


async def measure(stack: Measured, data: dict[str, Any], sample: int | None, in_flight: int) -> float:
    """The whole run; hit@5."""
    assert stack.tree is not None
    queries = random.Random(SEED).sample(data["queries"], sample) if sample else data["queries"]
    started = stack.tree.cpu()
    async with client_of(stack.url) as client:
        bot_id = await client.bot("SQuAD")
        with MemorySampler(stack.tree) as samples:
            heading("Ingestion")
            names = await ingest(client, bot_id, data["docs"], in_flight)
            ingested = stack.tree.cpu()
            print_cpu(ingested.since(started), len(data["docs"]), "paragraph")
            heading("Questions")
            hit = await ask(client, bot_id, queries, names, in_flight)
            print_cpu(stack.tree.cpu().since(ingested), len(queries), "question")
    heading("Memory")
    print_memory("peak", samples.peak)
    return hit


def main() -> None:
    """Exits with 1 when hit@5 is lower than expected."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--sample", type=int, help=f"only so many questions, drawn with the seed {SEED}")
    parser.add_argument("--in-flight", type=int, default=4, help="requests at a time")
    given = parser.parse_args()
    data = json.loads(gzip.decompress(given.file.read_bytes()))
    with own_stack() as stack:
        hit = asyncio.run(measure(stack, data, given.sample, given.in_flight))
    sys.exit(hit < EXPECTED)


if __name__ == "__main__":
    main()
