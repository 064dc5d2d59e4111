"""``GET /v1/limits``: what is possible, what is used of it, and what cannot be told."""

from typing import Any

import httpx
import pytest
from gateway_world import World
from minirag_contracts.errors import Unavailable
from minirag_gateway.adapters.counters import BusCounters
from minirag_gateway.adapters.upload_rows import PostgresUploadRows
from minirag_gateway.queries.limits import Limiter
from subscriber import Subscriber


async def limits(client: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    answer = await client.get("/v1/limits")
    assert answer.status_code == 200, answer.text
    return {limit["name"]: limit for limit in answer.json()}


async def test_every_limit_says_what_is_possible_and_what_is_used(start_world: Any) -> None:
    world: World = await start_world(
        limit_tenant_requests=90,
        limit_token_requests=80,
        limit_passwords=0,
        limit_streams=4,
        resumable_uploads=9,
    )
    async with await world.a_client() as client:
        first = await limits(client)
        assert {(name, limit["limit"]) for name, limit in first.items()} == {
            ("token-requests", 80),
            ("tenant-requests", 90),
            ("upload-bytes", 2 * 1024**3),
            ("passwords", 0),
            ("crawl-previews", 20),
            ("streams", 4),
            ("unfinished-uploads", 9),
            ("sources", 100_000),
            ("queued-ingestions", 50_000),
            ("webhooks", 50),
        }
        assert {name: first[name]["used"] for name in ("sources", "queued-ingestions", "webhooks")} == {
            "sources": 7,
            "queued-ingestions": 2,
            "webhooks": 3,
        }
        assert first["passwords"] == {
            "name": "passwords", "limit": 0, "used": None, "window_seconds": 60, "reset_seconds": None,
        }  # fmt: skip
        assert first["token-requests"]["used"] == first["tenant-requests"]["used"] == 1
        assert 1 <= first["tenant-requests"]["reset_seconds"] <= 60
        before, second = first, await limits(client)
        while second["tenant-requests"]["reset_seconds"] > before["tenant-requests"]["reset_seconds"]:
            before, second = second, await limits(client)  # a window has ended in between
        assert second["tenant-requests"]["used"] == before["tenant-requests"]["used"] + 1
        assert second["upload-bytes"]["used"] == second["unfinished-uploads"]["used"] == 0


async def test_looking_takes_nothing_and_sees_what_other_gateways_took(world: World) -> None:
    counters = BusCounters(world.runtime.bus)
    mine, other = (_limiter(counters) for _ in range(2))
    assert (await mine.look("n", "k", 50, 60)).remaining == 50
    for _ in range(3):
        assert (await other.take("n", "k", 50, 60)).allowed
        assert (await mine.take("n", "k", 50, 60)).allowed
    for limiter in (mine, other, _limiter(counters)):
        assert [(await limiter.look("n", "k", 50, 60)).remaining for _ in range(3)] == [44] * 3


def _limiter(counters: BusCounters) -> Limiter:
    return Limiter(counters, clock=lambda: 1_000_000_000.0)


async def test_open_streams_are_counted_while_they_are_open(world: World) -> None:
    async with await world.a_client() as client:
        assert (await limits(client))["streams"]["used"] == 0
        subscriber = Subscriber({"Authorization": client.headers["authorization"]})
        async with subscriber.listening(world.url):
            assert (await limits(client))["streams"]["used"] == 1


async def test_what_cannot_be_told_is_null_and_the_rest_is_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await world.a_client() as client:
        await world.owners.stop()
        add = BusCounters.add

        async def away(self: BusCounters, counter: str, amount: int, window: float) -> int:
            if amount == 0:
                raise Unavailable("nobody counts")
            return await add(self, counter, amount, window)

        async def nowhere(self: PostgresUploadRows, connection: Any) -> int:
            raise Unavailable("the database is away")

        monkeypatch.setattr(BusCounters, "add", away)
        monkeypatch.setattr(PostgresUploadRows, "count_open", nowhere)
        found = await limits(client)
    for name in ("sources", "queued-ingestions", "webhooks"):
        assert (found[name]["limit"], found[name]["used"]) == (None, None)
    assert (found["tenant-requests"]["limit"], found["tenant-requests"]["used"]) == (3000, None)
    assert (found["streams"]["limit"], found["streams"]["used"]) == (50, None)
    assert (found["unfinished-uploads"]["limit"], found["unfinished-uploads"]["used"]) == (50, None)
