"""Every row of spec §15 and §16 through HTTP: ask, judge, fail, and see the figures move."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
from api import Tenant
from minirag_local.testing import Stack

PRICED, UNPRICED, BROKEN = "gpt-4o-mini", "openai/fake-nobody-prices", "openai/fake--status-401"
PROMPT_PRICE, COMPLETION_PRICE = 0.15, 0.6
"""US dollars for a million tokens of the priced model."""

USED = ("prompt_tokens", "completion_tokens", "total_tokens", "request_count")

PERIODS = (
    *("usage", "usage/by-bot", "usage/by-model", "cost-estimate"),
    *("feedback", "feedback/trend", "latency"),
)


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stack.url, timeout=60) as client:
        yield client


@dataclass
class Day:
    """What a tenant did: four turns, of which one was streamed, one is of no known price, one was judged, and one failed."""

    tenant: Tenant
    bots: dict[str, str]
    priced: list[dict[str, int]]
    unpriced: dict[str, int]
    began: str

    @property
    def tokens(self) -> dict[str, int]:
        """Of the turns with a price, summed up."""
        return {key: sum(usage[key] for usage in self.priced) for key in USED[:3]}

    @property
    def cost(self) -> float:
        """Of the turns with a price."""
        tokens = self.tokens
        return (tokens["prompt_tokens"] * PROMPT_PRICE + tokens["completion_tokens"] * COMPLETION_PRICE) / 1e6

    async def said(self) -> dict[str, int]:
        """What chat itself has counted over all conversations, the failed one included."""
        chats = await self.tenant.call("GET", "/v1/chat", 200)
        return {
            key: sum(chat[key] for chat in chats)
            for key in ("total_prompt_tokens", "total_completion_tokens")
        }

    async def get(self, path: str, expected: int = 200) -> Any:
        """A statistic."""
        return await self.tenant.call("GET", f"/v1/stats/{path}", expected)


async def until(read: Callable[[], Any], true: Callable[[Any], bool], seconds: float = 30) -> Any:
    """The answer as soon as it is as expected; the last one when the time is over, for the assertions to tell of."""
    answer = await read()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not true(answer):
                await asyncio.sleep(0.1)
                answer = await read()
    return answer


@pytest.fixture
async def day(client: httpx.AsyncClient) -> Day:
    """A tenant's day, once the statistics have all of it."""
    began = today()
    tenant = await Tenant.sign_up(client)
    bots = {model: await tenant.bot(name=name, model=model) for model, name in BOTS.items()}
    plain = await tenant.ask(bots[PRICED], "What is this?")
    streamed = await tenant.ask_streamed(bots[PRICED], "And this?")
    unpriced = await tenant.ask(bots[UNPRICED], "And that?")
    failed = await tenant.request(
        "POST", "/v1/chat", json={"bot_profile_id": bots[BROKEN], "message": "Hello?"}
    )
    assert failed.status_code >= 400, failed.text
    await judge(tenant, plain, "positive")
    day = Day(tenant, bots, [plain["usage"], streamed[-1].data["usage"]], unpriced["usage"], began)
    latency = await until(
        lambda: day.get("latency"), lambda days: sum(item["requests"] for item in days) == 4
    )
    assert sum(item["requests"] for item in latency) == 4, latency
    feedback = await until(lambda: day.get("feedback"), lambda found: found["total_with_feedback"] == 1)
    assert feedback["total_with_feedback"] == 1, feedback
    return day


BOTS = {PRICED: "Priced", UNPRICED: "Unpriced", BROKEN: "Broken"}


def today() -> str:
    return datetime.now(UTC).date().isoformat()


async def judge(tenant: Tenant, reply: dict[str, Any], feedback: str | None) -> None:
    path = f"/v1/chat/{reply['chat_id']}/messages/{reply['message']['id']}/feedback"
    await tenant.call("PATCH", path, 200, json={"feedback": feedback})


def summed(rows: list[dict[str, Any]], key: str) -> Any:
    return sum(row[key] for row in rows)


async def test_overview(day: Day) -> None:
    body = await day.get("overview")
    assert (body["bot_profiles"], body["sources"], body["chats"]) == (3, 0, 4)
    said = await day.said()
    assert {key: body[key] for key in said} == said
    assert body["total_tokens"] == sum(said.values()) >= day.tokens["total_tokens"] > 0


async def test_usage_by_day_and_model(day: Day) -> None:
    rows = await day.get("usage?days=2")
    assert {tuple(row) for row in rows} == {("date", "model", *USED, "cost_usd", "unpriced_requests")}
    assert [row["date"] for row in rows] == sorted((row["date"] for row in rows), reverse=True)
    assert {row["date"] for row in rows} <= {day.began, today()}
    priced = [row for row in rows if row["model"] == PRICED]
    assert {key: summed(priced, key) for key in day.tokens} == day.tokens
    assert summed(priced, "request_count") == 2
    assert summed(priced, "cost_usd") == pytest.approx(day.cost, abs=2e-6)
    [unpriced] = [row for row in rows if row["model"] == UNPRICED]
    assert (unpriced["request_count"], unpriced["cost_usd"], unpriced["unpriced_requests"]) == (1, 0, 1)


async def test_usage_by_bot(day: Day) -> None:
    rows = await day.get("usage/by-bot?days=2")
    assert {tuple(row) for row in rows} == {
        ("bot_profile_id", "bot_name", "model", *USED, "cost_usd", "unpriced_requests")
    }
    totals = [row["total_tokens"] for row in rows]
    assert totals == sorted(totals, reverse=True)
    by_name = {row["bot_name"]: row for row in rows if row["request_count"]}
    assert by_name["Priced"]["bot_profile_id"] == day.bots[PRICED]
    assert {key: by_name["Priced"][key] for key in day.tokens} == day.tokens
    assert by_name["Priced"]["cost_usd"] == pytest.approx(day.cost, abs=1e-6) != 0
    assert by_name["Unpriced"]["unpriced_requests"] == 1
    only = await day.get(f"usage/by-bot?bot_profile_id={day.bots[PRICED]}")
    assert only == [by_name["Priced"]]


async def test_usage_pages_by_its_links(day: Day) -> None:
    everything = await day.get("usage/by-bot")
    seen: list[Any] = []
    url = "/v1/stats/usage/by-bot?limit=1"
    while url:
        response = await day.tenant.request("GET", url)
        seen += response.json()
        url = response.links.get("next", {}).get("url", "")
    assert seen == everything


async def test_usage_by_model_with_todays_prices(day: Day) -> None:
    rows = {row["model"]: row for row in await day.get("usage/by-model?days=2")}
    assert {tuple(row) for row in rows.values()} == {
        (
            *("model", *USED, "cost_usd", "prompt_cost_per_1m", "completion_cost_per_1m"),
            "unpriced_requests",
        )
    }
    priced, unpriced = rows[PRICED], rows[UNPRICED]
    assert (priced["prompt_cost_per_1m"], priced["completion_cost_per_1m"]) == (
        PROMPT_PRICE,
        COMPLETION_PRICE,
    )
    assert priced["cost_usd"] == pytest.approx(day.cost, abs=1e-6)
    assert (unpriced["prompt_cost_per_1m"], unpriced["completion_cost_per_1m"]) == (None, None)
    assert (unpriced["cost_usd"], unpriced["unpriced_requests"]) == (0, 1)


async def test_cost_estimate(day: Day) -> None:
    body = await day.get("cost-estimate")
    assert tuple(body) == (
        *("total_cost_usd", "daily_avg_cost_usd", "projected_monthly_usd", "active_days", "by_model"),
        *("by_bot", "unpriced_requests"),
    )
    assert body["total_cost_usd"] == pytest.approx(day.cost, abs=1e-6) != 0
    assert body["daily_avg_cost_usd"] == pytest.approx(day.cost / body["active_days"], abs=1e-6)
    assert body["projected_monthly_usd"] == pytest.approx(30 * day.cost / body["active_days"], abs=0.0051)
    assert body["unpriced_requests"] == summed(body["by_model"], "unpriced_requests") >= 1
    assert body["by_model"] == await day.get("usage/by-model")
    assert body["by_bot"] == await day.get("usage/by-bot")
    assert (await day.get("cost-estimate?days=7"))["total_cost_usd"] == body["total_cost_usd"]


async def test_pricing(day: Day) -> None:
    body = await day.get("pricing")
    assert tuple(body) == ("models", "default")
    assert body["models"][PRICED] == {
        "prompt_cost_per_1m": PROMPT_PRICE,
        "completion_cost_per_1m": COMPLETION_PRICE,
    }
    assert tuple(body["default"]) == ("prompt_cost_per_1m", "completion_cost_per_1m")


async def test_feedback_moves_with_every_judgement(day: Day) -> None:
    body = await day.get("feedback")
    assert tuple(body) == (
        *("total_messages", "total_with_feedback", "positive_count", "negative_count", "feedback_rate"),
        "by_bot",
    )
    assert {key: value for key, value in body.items() if key != "by_bot"} == {
        "total_messages": 3,
        "total_with_feedback": 1,
        "positive_count": 1,
        "negative_count": 0,
        "feedback_rate": 33.33,
    }
    assert {row["bot_name"]: (row["total_messages"], row["feedback_rate"]) for row in body["by_bot"]} == {
        "Priced": (2, 50.0),
        "Unpriced": (1, 0.0),
    }
    reply = await day.tenant.ask(day.bots[UNPRICED], "Once more?")
    for feedback, expected in (("negative", (1, 1, 50.0)), ("positive", (2, 0, 50.0)), (None, (1, 0, 25.0))):
        await judge(day.tenant, reply, feedback)
        found = await until(
            lambda: day.get("feedback"),
            lambda body, want=expected: (
                body["total_messages"] == 4 and (body["positive_count"], body["negative_count"]) == want[:2]
            ),
        )
        assert (found["positive_count"], found["negative_count"], found["feedback_rate"]) == expected
    one = await day.get(f"feedback?bot_profile_id={day.bots[PRICED]}")
    assert (one["total_messages"], [row["bot_name"] for row in one["by_bot"]]) == (2, ["Priced"])


async def test_feedback_trend(day: Day) -> None:
    rows = await day.get("feedback/trend")
    assert {tuple(row) for row in rows} == {("date", "positive_count", "negative_count", "total_messages")}
    assert [row["date"] for row in rows] == sorted(row["date"] for row in rows)
    assert (summed(rows, "positive_count"), summed(rows, "total_messages")) == (1, 3)


async def test_latency(day: Day) -> None:
    rows = await day.get("latency")
    assert (summed(rows, "requests"), summed(rows, "streamed")) == (4, 1)
    assert sum(sum(row["failures"].values()) for row in rows) == 1
    streamed = next(row for row in rows if row["streamed"])
    assert 0 <= streamed["p50_first_token_ms"] <= streamed["p95_first_token_ms"]
    assert streamed["avg_first_token_ms"] <= streamed["p95_first_token_ms"]
    assert streamed["avg_duration_ms"] > 0


@pytest.mark.parametrize("query", ["days=0", "days=3661", "days=x", "bot_profile_id=x"])
async def test_nonsense_is_refused_by_every_period(client: httpx.AsyncClient, query: str) -> None:
    tenant = await Tenant.sign_up(client)
    for path in PERIODS:
        problem = await tenant.call("GET", f"/v1/stats/{path}?{query}", 422)
        assert problem["errors"][0]["loc"][0] == "query"


async def test_another_tenant_sees_empty_figures_of_a_bot_whose_id_it_knows(day: Day) -> None:
    stranger = await Tenant.sign_up(day.tenant.http, "Stranger")
    for bot_id in (day.bots[PRICED], str(uuid4())):
        for path in ("usage", "usage/by-bot", "usage/by-model", "feedback/trend", "latency"):
            assert await stranger.call("GET", f"/v1/stats/{path}?bot_profile_id={bot_id}", 200) == []
        estimate = await stranger.call("GET", f"/v1/stats/cost-estimate?bot_profile_id={bot_id}", 200)
        assert (estimate["total_cost_usd"], estimate["by_bot"], estimate["by_model"]) == (0, [], [])
        feedback = await stranger.call("GET", f"/v1/stats/feedback?bot_profile_id={bot_id}", 200)
        assert (feedback["total_messages"], feedback["by_bot"]) == (0, [])
    assert (await stranger.call("GET", "/v1/stats/overview", 200))["total_tokens"] == 0


async def test_a_renamed_and_deactivated_bot_counts_under_its_new_name(day: Day) -> None:
    path = f"/v1/bot-profiles/{day.bots[PRICED]}"
    await day.tenant.call("PATCH", path, 200, json={"name": "Renamed"})
    await day.tenant.call("DELETE", path, 204)
    rows = await until(
        lambda: day.get("usage/by-bot"), lambda rows: "Renamed" in {row["bot_name"] for row in rows}
    )
    assert {key: rows[0][key] for key in ("bot_name", *day.tokens)} == {"bot_name": "Renamed", **day.tokens}
    assert (await day.get("overview"))["bot_profiles"] == 3


async def test_public_health(client: httpx.AsyncClient) -> None:
    assert (await client.get("/health")).json() == {"status": "ok"}
    response = await client.get("/v1/system/health")
    body = response.json()
    assert (response.status_code, body["status"]) == (200, "ok")
    for part in (*(body[name] for name in ("postgres", "qdrant", "redis")), *body["services"].values()):
        assert (part["status"], part["detail"], part["version"]) == ("ok", None, None)


async def test_the_tenants_own_details(day: Day, client: httpx.AsyncClient) -> None:
    source = await day.tenant.ready(
        await day.tenant.text_source(day.bots[PRICED], "Herons nest in the old poplars by the weir.")
    )
    body = await day.tenant.call("GET", "/v1/system/health/detailed", 200)
    assert body["status"] == "ok"
    assert body["db_stats"] == {
        "sources_by_status": {"ready": 1},
        "total_chunks": source["chunk_count"],
        "total_messages": 8,
        "total_chats": 4,
        "total_usage_events": body["db_stats"]["total_usage_events"],
        **await day.said(),
    }
    assert body["qdrant_stats"]["points_count"] == source["chunk_count"]
    assert {row["bot_name"]: row["ready_sources"] for row in body["bot_sources"]} == {
        "Priced": 1,
        "Unpriced": 0,
        "Broken": 0,
    }
    assert [body[key] for key in ("uptime_seconds", "python_version", "platform")] == [None] * 3
    assert body["config"]["database_url"] is None
    stranger = await Tenant.sign_up(client, "Stranger")
    theirs = await stranger.call("GET", "/v1/system/health/detailed", 200)
    assert (theirs["db_stats"]["total_messages"], theirs["qdrant_stats"]["points_count"]) == (0, 0)
    assert theirs["bot_sources"] == []
    assert (await client.get("/v1/system/health/detailed")).status_code == 401


async def test_the_documentation_lies_under_both_of_its_old_paths(client: httpx.AsyncClient) -> None:
    docs, redoc = await client.get("/docs"), await client.get("/redoc")
    assert (docs.status_code, redoc.status_code, redoc.text) == (200, 200, docs.text)
