"""Bringing many sources in, and asking many questions: what `manual` and `squad` have in common."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from bench.client import SETTLED, Client
from bench.report import Clock, line

Item = TypeVar("Item")
Result = TypeVar("Result")

POLL: Final = 3.0  # seconds between two looks at the sources
PROGRESS: Final = 15.0  # seconds between two lines about it
CITATIONS: Final = 5


@dataclass(frozen=True)
class Ingested:
    """What became of the sources. `seconds` runs from the first upload until the last source was settled."""

    seconds: float
    ready: int
    chunks: int
    errors: dict[str, str]  # source id → message


async def gathered(
    items: Sequence[Item], work: Callable[[Item], Awaitable[Result]], in_flight: int
) -> list[Result]:
    """The results in the order of the items, so many at a time; the first exception ends it."""
    gate = asyncio.Semaphore(in_flight)

    async def one(item: Item) -> Result:
        async with gate:
            return await work(item)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(item)) for item in items]
    return [task.result() for task in tasks]


async def all_settled(client: Client, bot_id: str, count: int, clock: Clock) -> Ingested:
    """Wait until every source is ready or in error."""
    told = clock.seconds
    while True:
        sources = await client.sources(bot_id)
        settled = [source for source in sources if source["status"] in SETTLED]
        if len(settled) >= count:
            return _ingested(settled, clock.seconds)
        if clock.seconds - told > PROGRESS:
            told = clock.seconds
            chunks = sum(source["chunk_count"] for source in settled)
            print(f"  {told:5.0f} s: {len(settled)} of {count} sources, {chunks} chunks", flush=True)
        await asyncio.sleep(POLL)


def _ingested(sources: list[dict[str, Any]], seconds: float) -> Ingested:
    errors = {source["id"]: str(source["error_message"]) for source in sources if source["status"] == "error"}
    chunks = sum(source["chunk_count"] for source in sources)
    return Ingested(seconds, len(sources) - len(errors), chunks, errors)


def print_ingested(ingested: Ingested, names: dict[str, str]) -> None:
    """The figures, and every failure by name."""
    line("sources ready", str(ingested.ready))
    line("chunks", str(ingested.chunks))
    line("time from the first source to the last ready", f"{ingested.seconds:.1f} s")
    line("chunks per second", f"{ingested.chunks / ingested.seconds:.1f}")
    for source_id, message in ingested.errors.items():
        line(f"failed: {names[source_id]}", message)


def cited(answer: dict[str, Any]) -> list[str]:
    """The ids of the sources behind an answer's five citations."""
    return [str(source["source_id"]) for source in answer["sources"][:CITATIONS]]
