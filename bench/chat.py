"""What a turn costs, beside a direct call to the same fake OpenAI server in the same run: `python -m bench.chat`.

Prints idle memory (without and with a provider's key), added time to first token, CPU per turn by process, turns/s at
50 concurrent, and the memory after that. The fake server answers at once, so that all that is measured is MiniRAG's own
share; it, the stack and the measuring client share the machine's cores.
"""

import argparse
import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.client import client_of
from bench.corpus import all_settled
from bench.processes import Tree
from bench.report import Clock, heading, line, percentile, print_cpu, print_memory
from bench.stack import Measured, own_stack
from bench.stream import Connection, Endpoint, Turn, concurrently, one_after_another

FAKE: Final = Path(__file__).parent.parent / "tests" / "fakes" / "openai_server.py"
KEY: Final = "sk-bench"
QUESTION: Final = "Who built the oldest clock of the museum?"
SOURCE: Final = """The museum of clocks opens at nine in the morning and closes at six in the evening.

An adult pays fourteen euros. Children under twelve enter free of charge, and so do teachers.

The oldest piece is a tower clock from 1531 that was built by the locksmith Hans Ehemann."""
WARM_UP: Final = 20  # turns
SETTLE: Final = 10.0  # seconds of silence before an idle stack is measured, and seconds of measuring
ORIENTATION: Final = (
    "For orientation, on another 2-core machine: a bare relay adds 0.8 ms and costs 0.9 CPU-ms a turn; "
    "Open WebUI adds 26-29 ms, costs 25 CPU-ms and does 29-41 turns/s."
)


@dataclass(frozen=True)
class Fake:
    """The fake OpenAI server, a process of its own."""

    url: str
    tree: Tree


@contextmanager
def fake_server(tokens: int) -> Iterator[Fake]:
    """Started for the block."""
    command = [sys.executable, str(FAKE), "--port", "0", "--tokens", str(tokens)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            yield Fake(url, Tree({process.pid: "fake"}))
        finally:
            process.terminate()


@dataclass(frozen=True)
class Bench:
    """The two ways to ask: MiniRAG, and the model's server itself."""

    stack: Tree
    fake: Tree
    minirag: Endpoint
    direct: Endpoint


def direct_endpoint(fake: Fake, model: str) -> Endpoint:
    """A streamed completion, asked as a client of OpenAI does."""
    body = {
        "model": model,
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": [{"role": "user", "content": QUESTION}],
    }
    return Endpoint(
        f"{fake.url}/chat/completions", KEY, body, re.compile(rb'"content":\s*"[^"]'), b"data: [DONE]"
    )


async def minirag_endpoint(stack: Measured, model: str) -> Endpoint:
    """A bot with one small source, asked with a stream."""
    async with client_of(stack.url) as client:
        bot_id = await client.bot("Museum", model=model)
        await client.text(bot_id, "Visitor guide", SOURCE)
        ingested = await all_settled(client, bot_id, 1, Clock())
        assert ingested.ready == 1, ingested.errors
        body = {"bot_profile_id": bot_id, "message": QUESTION, "stream": True}
        return Endpoint(
            f"{stack.url}/v1/chat", client.token, body, re.compile(rb"event: delta"), b"event: done"
        )


async def idle(tree: Tree, label: str) -> None:
    """Memory, and CPU that is spent on nothing, once whatever is loaded at the start has been loaded."""
    await asyncio.sleep(SETTLE)
    before = tree.cpu()
    await asyncio.sleep(SETTLE)
    spent = tree.cpu().since(before)
    heading(label)
    line("CPU-ms per second", f"{sum(spent.values()) / SETTLE:.1f}")
    print_memory("memory", tree.memory())


async def sequential(bench: Bench, turns: int) -> None:
    """Added time and CPU, one turn at a time, MiniRAG and direct calls in alternation."""
    connections = [await Connection.open(endpoint) for endpoint in (bench.direct, bench.minirag)]
    await one_after_another(connections, WARM_UP)
    stack_before, fake_before = bench.stack.cpu(), bench.fake.cpu()
    direct, minirag = await one_after_another(connections, turns)
    stack, fake = bench.stack.cpu().since(stack_before), bench.fake.cpu().since(fake_before)
    for connection in connections:
        connection.close()
    for percent in (50, 95):
        print_first_token(direct, minirag, percent)
    line("whole stream, p50: direct / MiniRAG", f"{whole(direct):.2f} / {whole(minirag):.2f} ms")
    print_cpu(stack, turns, "turn")
    fake_per_call = sum(fake.values()) / (2 * turns)
    line("CPU-ms per call of the fake server itself", f"{fake_per_call:.2f}")
    line("ratio of CPU, MiniRAG to the server it asks", f"{sum(stack.values()) / turns / fake_per_call:.1f}")


def print_first_token(direct: list[Turn], minirag: list[Turn], percent: int) -> None:
    """Time to first token of both, and what MiniRAG adds."""
    base = percentile([turn.first_token for turn in direct], percent)
    ours = percentile([turn.first_token for turn in minirag], percent)
    line(
        f"first token, p{percent}: direct / MiniRAG", f"{base:.2f} / {ours:.2f} ms (ratio {ours / base:.1f})"
    )
    line(f"added time to first token, p{percent}", f"{ours - base:.2f} ms")


def whole(turns: list[Turn]) -> float:
    """Median time of a whole stream, milliseconds."""
    return percentile([turn.whole for turn in turns], 50)


async def crowd(bench: Bench, clients: int, turns: int) -> None:
    """Turns per second with many clients."""
    await concurrently(bench.minirag, clients, 2 * clients)
    _, direct_seconds = await concurrently(bench.direct, clients, turns)
    before = bench.stack.cpu()
    done, seconds = await concurrently(bench.minirag, clients, turns)
    spent = bench.stack.cpu().since(before)
    ratio = f"a direct call: {turns / direct_seconds:.0f}, ratio {direct_seconds / seconds:.3f}"
    line(f"turns/s at {clients} concurrent", f"{turns / seconds:.1f} ({ratio})")
    times = [turn.first_token for turn in done]
    line("first token then, p50 / p95", f"{percentile(times, 50):.0f} / {percentile(times, 95):.0f} ms")
    print_cpu(spent, turns, "turn")


async def measure(stack: Measured, fake: Fake, model: str, turns: int, clients: int) -> None:
    """The whole run."""
    assert stack.tree is not None
    await idle(stack.tree, "Idle, before any traffic, with a provider's key")
    minirag = await minirag_endpoint(stack, model)
    bench = Bench(stack.tree, fake.tree, minirag, direct_endpoint(fake, model))
    heading(f"One turn at a time, {turns} turns")
    await sequential(bench, turns)
    heading(f"{clients} clients at a time, {turns * 3} turns")
    await crowd(bench, clients, turns * 3)
    await idle(stack.tree, "Idle, after the traffic")
    print(f"\n{ORIENTATION}")


def main() -> None:
    """Prints the figures; there is no pass or fail."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--model", default="gpt-4o-mini", help="minirag/extractive measures without a provider"
    )
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--tokens", type=int, default=24, help="words of an answer, one frame each")
    given = parser.parse_args()
    with own_stack() as stack:
        assert stack.tree is not None
        line("time until ready, from an empty data folder", f"{stack.startup:.2f} s")
        asyncio.run(idle(stack.tree, "Idle, as a newcomer has it, without any provider's key"))
    with fake_server(given.tokens) as fake:
        settings = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": fake.url}
        with own_stack(settings) as stack:
            asyncio.run(measure(stack, fake, given.model, given.turns, given.clients))


if __name__ == "__main__":
    main()
