"""``/v1/stats``: keys and their order, what analytics and chat are asked, and what is refused."""

from typing import Any
from uuid import UUID, uuid4

import gateway_stats
import httpx
import pytest
from gateway_world import World
from minirag_contracts.requests.analytics import (
    GetBotUsage,
    GetCostEstimate,
    GetDailyUsage,
    GetFeedback,
    GetFeedbackTrend,
    GetLatency,
    GetModelUsage,
    ModelUsageList,
    PeriodRequest,
)
from minirag_contracts.requests.chat import GetPrices

USED = ("prompt_tokens", "completion_tokens", "total_tokens", "request_count")
JUDGED = ("positive_count", "negative_count", "total_messages")

LISTS: dict[str, tuple[type[PeriodRequest], tuple[str, ...], int | None]] = {
    "usage": (GetDailyUsage, ("date", "model", *USED, "cost_usd", "unpriced_requests"), None),
    "usage/by-bot": (
        GetBotUsage,
        ("bot_profile_id", "bot_name", "model", *USED, "cost_usd", "unpriced_requests"),
        None,
    ),
    "usage/by-model": (
        GetModelUsage,
        ("model", *USED, "cost_usd", "prompt_cost_per_1m", "completion_cost_per_1m", "unpriced_requests"),
        None,
    ),
    "feedback/trend": (GetFeedbackTrend, ("date", *JUDGED), 30),
    "latency": (
        GetLatency,
        (
            *(
                "date",
                "requests",
                "streamed",
                "avg_first_token_ms",
                "p50_first_token_ms",
                "p95_first_token_ms",
            ),
            *("avg_duration_ms", "failures"),
        ),
        30,
    ),
}
"""Path → what analytics is asked, the keys of a row in their order, and the days without ``days``."""

OBJECTS: dict[str, tuple[type[PeriodRequest], tuple[str, ...]]] = {
    "cost-estimate": (
        GetCostEstimate,
        (
            *(
                "total_cost_usd",
                "daily_avg_cost_usd",
                "projected_monthly_usd",
                "active_days",
                "by_model",
                "by_bot",
            ),
            "unpriced_requests",
        ),
    ),
    "feedback": (
        GetFeedback,
        (
            "total_messages",
            "total_with_feedback",
            "positive_count",
            "negative_count",
            "feedback_rate",
            "by_bot",
        ),
    ),
}


@pytest.fixture
async def client(world: World) -> Any:
    async with await world.a_client() as client:
        yield client


def asked(world: World, model: type[PeriodRequest]) -> Any:
    return next(request for request, _ in reversed(world.owners.asked) if isinstance(request, model))


@pytest.mark.parametrize("path", LISTS)
async def test_a_list_has_the_keys_of_the_contract(
    world: World, client: httpx.AsyncClient, path: str
) -> None:
    model, keys, days = LISTS[path]
    response = await client.get(f"/v1/stats/{path}")
    assert response.status_code == 200, response.text
    assert tuple(response.json()[0]) == keys
    assert asked(world, model) == model(days=days)


@pytest.mark.parametrize("path", OBJECTS)
async def test_an_object_has_the_keys_of_the_contract(
    world: World, client: httpx.AsyncClient, path: str
) -> None:
    model, keys = OBJECTS[path]
    response = await client.get(f"/v1/stats/{path}")
    assert response.status_code == 200, response.text
    assert tuple(response.json()) == keys
    assert asked(world, model) == model(days=30)


@pytest.mark.parametrize("path", [*LISTS, *OBJECTS])
async def test_days_and_bot_reach_analytics_for_the_callers_tenant(
    world: World, client: httpx.AsyncClient, path: str
) -> None:
    model = (LISTS.get(path) or OBJECTS[path])[0]
    bot_id = uuid4()
    for days in (1, 3660):
        response = await client.get(f"/v1/stats/{path}", params={"days": days, "bot_profile_id": str(bot_id)})
        assert response.status_code == 200, response.text
        question = asked(world, model)
        assert (question.days, question.bot_id) == (days, bot_id)
    tenant = (await client.get("/v1/tenants/me")).json()
    assert {context.tenant_id for _, context in world.owners.asked} == {UUID(tenant["id"])}


@pytest.mark.parametrize("path", [*LISTS, *OBJECTS])
async def test_absurd_days_and_malformed_bots_are_refused(
    world: World, client: httpx.AsyncClient, path: str
) -> None:
    bad = ["days=0", "days=-1", "days=3661", "days=x", "days=1.5", "days=", "days=" + "9" * 5000, "days=%00"]
    for query in [*bad, "bot_profile_id=x", "bot_profile_id=", "bot_profile_id=%00"]:
        response = await client.get(f"/v1/stats/{path}?{query}")
        assert (response.status_code, response.json()["code"]) == (422, "validation_error"), query
    assert world.owners.asked == []


async def test_a_list_links_to_its_next_page_with_its_filter(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/stats/usage?days=7&limit=1")
    link = httpx.URL(response.links["next"]["url"])
    assert dict(link.params) == {"days": "7", "limit": "1", "cursor": "next"}


async def test_models_stand_beside_todays_price_or_none(world: World, client: httpx.AsyncClient) -> None:
    by_model = (await client.get("/v1/stats/usage/by-model")).json()
    assert [row["prompt_cost_per_1m"] for row in by_model] == [0.15, None]
    assert [row["completion_cost_per_1m"] for row in by_model] == [0.6, None]
    assert [row["unpriced_requests"] for row in by_model] == [0, 2]
    questions = [request for request, _ in world.owners.asked if isinstance(request, GetPrices)]
    assert questions == [GetPrices(models=[gateway_stats.KNOWN, gateway_stats.UNKNOWN])]
    estimate = (await client.get("/v1/stats/cost-estimate")).json()
    assert estimate["by_model"] == by_model
    assert estimate["by_bot"][0]["cost_usd"] == 0.000021


async def test_prices_of_very_many_models_are_asked_in_parts(
    world: World, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = [gateway_stats.OF_MODELS[0].model_copy(update={"model": f"model-{n}"}) for n in range(900)]
    many = ModelUsageList(items=[*used, gateway_stats.OF_MODELS[0]])
    monkeypatch.setitem(gateway_stats.ANALYTICS, GetModelUsage, many)
    rows = (await client.get("/v1/stats/usage/by-model")).json()
    assert len(rows) == 901
    assert {row["prompt_cost_per_1m"] for row in rows[:900]} == {None}
    assert rows[900]["prompt_cost_per_1m"] == 0.15
    questions = [request for request, _ in world.owners.asked if isinstance(request, GetPrices)]
    assert sorted(len(question.models or []) for question in questions) == [401, 500]


async def test_the_price_list_has_nulls_for_what_is_not_known(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/stats/pricing")).json() == {
        "models": {
            "gpt-4o-mini": {"prompt_cost_per_1m": 0.15, "completion_cost_per_1m": 0.6},
            "somebody/unknown": {"prompt_cost_per_1m": None, "completion_cost_per_1m": None},
        },
        "default": {"prompt_cost_per_1m": None, "completion_cost_per_1m": None},
    }


async def test_the_document_says_that_a_price_may_be_unknown(world: World) -> None:
    schemas = (await world.client.get("/openapi.json")).json()["components"]["schemas"]
    assert "no price is known" in schemas["Price"]["description"]
    for name in ("Price", "PricedModelUsage"):
        for field in ("prompt_cost_per_1m", "completion_cost_per_1m"):
            described = schemas[name]["properties"][field]
            assert {"type": "null"} in described["anyOf"]
            assert "null where none is known" in described["description"]
    assert "not known" in schemas["Pricing"]["properties"]["default"]["description"]


@pytest.mark.parametrize("path", ["overview", "pricing", *LISTS, *OBJECTS])
async def test_nobody_reads_statistics_without_a_token(world: World, path: str) -> None:
    assert (await world.client.get(f"/v1/stats/{path}")).status_code == 401
