"""Twenty tenants, one of them loading thousands of documents: `python -m bench.fairness [--documents 5000] [--together]`.

The others have one document each: first on the idle stack, then again while the load runs, both times one tenant after the
other at the same distance (or `--together`, all nineteen in the same moment). A time runs from the first request until the source
is ready, which is when it can be found.
"""

import argparse
import asyncio
import os
import statistics
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from minirag_local.testing import LIMITS_OFF

from bench.client import SETTLED, BenchFailed, Client, client_of
from bench.prose import documents
from bench.report import Clock, heading, line, percentile
from bench.stack import own_stack

OTHERS: Final = 19
AT_MOST: Final = 1000  # children of one batch
POLL: Final = 0.005
WARM_UP: Final = 3
SPREAD: Final = 1.5  # seconds between two tenants
EXPECTED: Final = 2.0  # times the idle system


@dataclass(frozen=True)
class Owner:
    """A tenant with its bot."""

    client: Client
    bot_id: str


async def single(owner: Owner, text: str) -> float:
    """Seconds until one document can be found."""
    clock = Clock()
    source_id = await owner.client.text(owner.bot_id, "Single", text)
    while True:
        source = (await owner.client.get(f"/v1/sources/{source_id}")).json()
        if source["status"] in SETTLED:
            break
        await asyncio.sleep(POLL)
    if source["status"] != "ready":
        raise BenchFailed(f"a single document failed: {source['error_message']}")
    return clock.seconds


async def singles(owners: Sequence[Owner], texts: Sequence[str], spread: float) -> list[float]:
    """One document of each tenant, begun so many seconds after the one before."""

    async def later(number: int) -> float:
        await asyncio.sleep(number * spread)
        return await single(owners[number], texts[number])

    return list(await asyncio.gather(*(later(number) for number in range(len(owners)))))


async def load(owner: Owner, texts: Sequence[str]) -> list[str]:
    """All of them in the queue; the parents' ids."""
    parents = []
    for start in range(0, len(texts), AT_MOST):
        part = texts[start : start + AT_MOST]
        children = [
            {"name": f"Document {n}", "source_type": "text", "content": text} for n, text in enumerate(part)
        ]
        body = {"bot_profile_id": owner.bot_id, "name": "Load", "source_type": "text", "children": children}
        batch = await owner.client.command("/v1/sources/batch", 201, json=body)
        parents.append(batch["parent"]["id"])
    for parent in parents:
        await owner.client.command(f"/v1/sources/{parent}/ingest-children", 202)
    return parents


async def loaded(owner: Owner, parents: Sequence[str]) -> int:
    """How many documents of the load are ready."""
    count = 0
    for parent in parents:
        path: str | None = f"/v1/sources/{parent}/children?limit=1000"
        while path:
            response = await owner.client.get(path)
            count += sum(source["status"] == "ready" for source in response.json())
            path = response.links.get("next", {}).get("url")
    return count


async def measure(url: str, given: argparse.Namespace) -> None:
    """Both halves, and how they compare."""
    texts = documents(2 * OTHERS + WARM_UP, given.characters, seed=1)
    spread = 0 if given.together else SPREAD
    async with AsyncExitStack() as stack:
        owners = []
        for _ in range(OTHERS + 1):
            client = await stack.enter_async_context(client_of(url))
            owners.append(Owner(client, await client.bot("Bench")))
        bulk, *others = owners
        for text in texts[2 * OTHERS :]:
            await single(bulk, text)
        idle = await singles(others, texts[:OTHERS], spread)
        print_times("idle", idle)
        parents = await load(bulk, documents(given.documents, given.bulk_characters, seed=2))
        before, clock = await loaded(bulk, parents), Clock()
        busy = await singles(others, texts[OTHERS : 2 * OTHERS], spread)
        seconds, after = clock.seconds, await loaded(bulk, parents)
    print_times("while the load runs", busy)
    line("of the load, ready before and after them", f"{before} and {after} of {given.documents}")
    line("of the load, documents per second meanwhile", f"{(after - before) / seconds:.0f}")
    if after >= given.documents:
        raise BenchFailed("the load was through before the others were: ask for more documents")
    print_ratios(idle, busy)


def print_times(label: str, times: Sequence[float]) -> None:
    """In milliseconds."""
    figures = [f"{percentile(times, percent) * 1000:.0f}" for percent in (50, 95)]
    line(
        f"single documents, {label}",
        f"p50 {figures[0]} ms, p95 {figures[1]} ms, slowest {max(times) * 1000:.0f} ms, load {os.getloadavg()[0]:.1f}",
    )


def print_ratios(idle: Sequence[float], busy: Sequence[float]) -> None:
    """Of the times with the load to those without."""
    of_medians = statistics.median(busy) / statistics.median(idle)
    line("ratio of the medians", f"{of_medians:.2f} (wanted: {EXPECTED})")
    each = [one / other for one, other in zip(busy, idle, strict=True)]
    line("median of each tenant's ratio", f"{statistics.median(each):.2f}")
    line("ratio of the slowest", f"{max(busy) / max(idle):.2f}")


def main() -> None:
    """Prints; order, which does not depend on the machine, is a test (`tests/e2e/test_fairness.py`)."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--documents", type=int, default=5000, help="of the load")
    parser.add_argument("--bulk-characters", type=int, default=1500, help="of each of them")
    parser.add_argument("--characters", type=int, default=1500, help="of a single document")
    parser.add_argument("--together", action="store_true", help="all single documents in the same moment")
    parser.add_argument("--embedder", choices=("minilm", "hash"), default="minilm")
    given = parser.parse_args()
    with own_stack(LIMITS_OFF | {"MINIRAG_RETRIEVAL_EMBEDDER": given.embedder}) as stack:
        heading(f"{OTHERS + 1} tenants, embedder {given.embedder}, {os.cpu_count()} cores")
        asyncio.run(measure(stack.url, given))


if __name__ == "__main__":
    main()
