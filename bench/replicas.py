"""What replicas cost and bring: `python -m bench.replicas`.

Two stacks on the same machine, one with a single process of each service and one with three, are asked in alternation: CPU-ms
per turn and the ratio of the two, CPU that each spends on nothing, turns/s at growing numbers of clients until more of them
bring no more, and what each part takes of a core then. The fake model's server answers at once.
"""

import argparse
import asyncio
import os
import statistics
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

from minirag_local.state import service_of

from bench.chat import KEY, fake_server, minirag_endpoint
from bench.processes import Tree
from bench.report import heading, line, percentile
from bench.stack import Measured, own_stack
from bench.stream import Endpoint, concurrently

GOAL: Final = 1.15
"""The most that a turn may cost with three replicas, of what it costs with one."""
WARM_UP: Final = 300  # turns: every process has to have prepared its statements
SETTLE: Final = 10.0  # seconds of silence before an idle stack is measured, and of measuring
STEPS: Final = (1, 2, 4, 8, 16, 32, 64)
FLAT: Final = 1.05  # less than so many times the turns/s of before is no gain


@dataclass
class Side:
    """One of the two stacks, and what was measured of it."""

    label: str
    tree: Tree
    endpoint: Endpoint
    costs: list[float] = field(default_factory=list)
    beyond_idle: list[float] = field(default_factory=list)
    idle: float = 0.0
    """CPU-ms per second that it spends on nothing."""

    @classmethod
    async def of(cls, label: str, stack: Measured, model: str) -> "Side":
        """A bot to ask, and everything warm."""
        assert stack.tree is not None
        side = cls(label, stack.tree, await minirag_endpoint(stack, model))
        await concurrently(side.endpoint, 8, WARM_UP)
        return side

    async def turns(self, clients: int, turns: int) -> "Round":
        """So many turns."""
        before = self.tree.cpu()
        done, seconds = await concurrently(self.endpoint, clients, turns)
        spent = by_service(self.tree.cpu().since(before))
        return Round(clients, turns, seconds, spent, percentile([turn.whole for turn in done], 95))


@dataclass(frozen=True)
class Round:
    """A number of turns: CPU-ms by service, and the slowest but one in twenty, in milliseconds."""

    clients: int
    turns: int
    seconds: float
    spent: dict[str, float]
    slow: float

    @property
    def cost(self) -> float:
        """CPU-ms per turn, of everything."""
        return sum(self.spent.values()) / self.turns

    @property
    def rate(self) -> float:
        """Turns per second."""
        return self.turns / self.seconds

    def cores(self) -> str:
        """What each part took of a core, the most first."""
        shares = {name: spent / self.seconds / 1000 for name, spent in self.spent.items()}
        return ", ".join(
            f"{name} {share:.2f}" for name, share in sorted(shares.items(), key=_most) if share >= 0.01
        )


def _most(item: tuple[str, float]) -> float:
    return -item[1]


def by_service(spent: dict[str, float]) -> dict[str, float]:
    """All replicas of a service, and a server with its backends, as one."""
    summed: Counter[str] = Counter()
    for name, milliseconds in spent.items():
        summed[service_of(name.removesuffix(" (children)"))] += milliseconds  # type: ignore[assignment]
    return {name: float(milliseconds) for name, milliseconds in summed.items()}


async def idle(sides: list[Side]) -> None:
    """CPU that is spent on nothing, by both in the same seconds."""
    heading(f"Idle, {SETTLE:.0f} s")
    await asyncio.sleep(SETTLE)
    before = [side.tree.cpu() for side in sides]
    await asyncio.sleep(SETTLE)
    for side, earlier in zip(sides, before, strict=True):
        spent = by_service(side.tree.cpu().since(earlier))
        side.idle = sum(spent.values()) / SETTLE
        parts = ", ".join(f"{name} {ms / SETTLE:.1f}" for name, ms in sorted(spent.items(), key=_most))
        line(f"CPU-ms per second, {side.label}", f"{side.idle:.1f} ({parts})")
    line("per further process of a service", f"{(sides[1].idle - sides[0].idle) / 12:.2f}")


async def compare(sides: list[Side], clients: int, turns: int, rounds: int) -> None:
    """CPU-ms per turn of both, in alternation."""
    heading(f"{clients} clients, {rounds} times {turns} turns each, in alternation")
    spent: list[Counter[str]] = [Counter(), Counter()]
    seconds = dict.fromkeys([side.label for side in sides], 0.0)
    for _ in range(rounds):
        for side, sums in zip(sides, spent, strict=True):
            measured = await side.turns(clients, turns)
            side.costs.append(measured.cost)
            side.beyond_idle.append(measured.cost - side.idle * measured.seconds / turns)
            seconds[side.label] += measured.seconds
            sums.update(measured.spent)
    for side, sums in zip(sides, spent, strict=True):
        parts = ", ".join(f"{name} {ms / turns / rounds:.2f}" for name, ms in sorted(sums.items(), key=_most))
        line(f"CPU-ms per turn, {side.label}", f"{statistics.median(side.costs):.2f} ({parts})")
    for side in sides:
        line(f"turns/s, {side.label}", f"{turns * rounds / seconds[side.label]:.1f}")
    _ratio("ratio, three to one", [side.costs for side in sides], f"; goal: at most {GOAL}")
    _ratio("the same without what both spend on nothing", [side.beyond_idle for side in sides], "")


def _ratio(label: str, costs: list[list[float]], goal: str) -> None:
    ratios = [three / one for one, three in zip(*costs, strict=True)]
    shown = ", ".join(f"{each:.3f}" for each in ratios)
    line(label, f"{statistics.median(ratios):.3f} (rounds: {shown}{goal})")


async def climb(side: Side, turns: int) -> None:
    """More and more clients, until more of them bring no more turns."""
    heading(f"More and more clients: {side.label}")
    best, flat = 0.0, 0
    for clients in STEPS:
        measured = await side.turns(clients, max(turns, clients * 4))
        line(
            f"{clients} clients",
            f"{measured.rate:.1f} turns/s, p95 {measured.slow:.0f} ms, {measured.cost:.1f} CPU-ms; cores: {measured.cores()}",
        )
        flat = 0 if measured.rate > best * FLAT else flat + 1
        best = max(best, measured.rate)
        if flat == 2:
            break


async def measure(given: argparse.Namespace, one: Measured, three: Measured) -> None:
    """The whole run."""
    sides = [
        await Side.of("one of each", one, given.model),
        await Side.of("three of each", three, given.model),
    ]
    await idle(sides)
    await compare(sides, given.clients, given.turns, given.rounds)
    if given.climb:
        for side in sides:
            await climb(side, given.turns)


def main() -> None:
    """Prints the figures; there is no pass or fail."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--model", default="gpt-4o-mini", help="minirag/extractive measures without a provider"
    )
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-climb", dest="climb", action="store_false")
    given = parser.parse_args()
    line("load of the machine before", " ".join(f"{load:.1f}" for load in os.getloadavg()))
    with fake_server(24) as fake, ExitStack() as stacks:
        provider = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": fake.url}
        one = stacks.enter_context(own_stack(provider))
        three = stacks.enter_context(own_stack({**provider, "MINIRAG_REPLICAS": "3"}))
        asyncio.run(measure(given, one, three))
    line("load of the machine after", " ".join(f"{load:.1f}" for load in os.getloadavg()))


if __name__ == "__main__":
    main()
