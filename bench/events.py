"""How soon an event is with its subscribers: `python -m bench.events`.

Prints the time from the reply of a command to the arrival of its event on an open `GET /v1/events`, beside a `GET` of the
same gateway in the same run. The subscriber, the stack and the measuring client share the machine's cores.
"""

import argparse
import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Final

from bench.client import Client, client_of
from bench.report import heading, line, percentile
from bench.stack import own_stack

WARM_UP: Final = 10  # events


async def arrivals(client: Client, opened: asyncio.Event, arrived: dict[str, float]) -> None:
    """Notes when which bot's event comes."""
    headers = {"Authorization": f"Bearer {client.token}"}
    params = {"types": "bot.created"}
    async with client.http.stream("GET", "/v1/events", headers=headers, params=params) as response:
        response.raise_for_status()
        async for text in response.aiter_lines():
            opened.set()
            if text.startswith("data: "):
                arrived[json.loads(text.removeprefix("data: "))["data"]["bot_id"]] = time.perf_counter()


async def latencies(client: Client, count: int) -> AsyncIterator[tuple[float, float]]:
    """Seconds from reply to arrival (0 where the event was faster than the reply), and seconds of a GET, in alternation."""
    opened, arrived = asyncio.Event(), dict[str, float]()
    listening = asyncio.create_task(arrivals(client, opened, arrived))
    await opened.wait()
    for number in range(count):
        began = time.perf_counter()
        await client.get("/v1/tenants/me")
        asked = time.perf_counter() - began
        bot_id = await client.bot(f"Bot {number}")
        replied = time.perf_counter()
        while bot_id not in arrived:
            if listening.done():
                await listening
            await asyncio.sleep(0.0005)
        yield max(0.0, arrived[bot_id] - replied), asked
    listening.cancel()


async def measure(url: str, count: int) -> None:
    """Measures and prints."""
    async with client_of(url) as client:
        found = [pair async for pair in latencies(client, WARM_UP + count)][WARM_UP:]
    late, asked = [pair[0] for pair in found], [pair[1] for pair in found]
    heading(f"From a command's reply to its event on an open stream ({count} events)")
    for name, share in (("p50", 50), ("p95", 95)):
        event, get = percentile(late, share), percentile(asked, share)
        line(name, f"{event * 1000:.1f} ms; GET /v1/tenants/me {get * 1000:.1f} ms; ratio {event / get:.1f}")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="events that are measured")
    options = parser.parse_args()
    with own_stack() as stack:
        asyncio.run(measure(stack.url, options.count))


if __name__ == "__main__":
    main()
