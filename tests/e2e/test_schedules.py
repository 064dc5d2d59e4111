"""Schedules through HTTP: what a source says of its next refresh, and a refresh that nobody asked for."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from api import Tenant
from minirag_local.credentials import Credentials
from minirag_local.postgres_server import database_url
from minirag_local.state import RunState
from minirag_local.testing import Stack
from owners import events_of_owner

FERRY = "The ferry to the island leaves at seven in the morning."
LATER = "The ferry to the island leaves at nine in the evening."
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


async def make_due(stack: Stack, *source_ids: str) -> None:
    """As if the time had passed."""
    state = RunState.read(stack.folder)
    password = Credentials.of(stack.folder).postgres["ingest_system"]
    connection = await asyncpg.connect(
        database_url(state.addresses.postgres_sockets, "ingest_system", password)
    )
    try:
        status = await connection.execute(
            "UPDATE ingest.work SET due_at = now() WHERE kind = 'refresh' AND key = ANY($1)", list(source_ids)
        )
    finally:
        await connection.close()
    assert status == f"UPDATE {len(source_ids)}"


def until_next(source: dict[str, Any]) -> timedelta:
    return datetime.fromisoformat(source["next_refresh_at"]) - datetime.now(UTC)


async def test_a_source_is_refreshed_by_its_schedule_and_says_when(stack: Stack, tenant: Tenant) -> None:
    bot_id = await tenant.bot()
    body = {"bot_profile_id": bot_id, "name": "Ferry", "source_type": "text", "content": FERRY}
    created = await tenant.call("POST", "/v1/sources", 201, json={**body, "refresh_schedule": "daily"})
    path = f"/v1/sources/{created['id']}"
    assert DAY - MINUTE < until_next(created) < DAY + 11 * MINUTE
    await tenant.call("POST", f"{path}/ingest", 202)
    first = await tenant.ready(created["id"])
    assert first["next_refresh_at"] == created["next_refresh_at"]
    await tenant.call("PATCH", path, 200, json={"content": LATER})
    await make_due(stack, created["id"])
    async with asyncio.timeout(30):
        while (found := await tenant.call("GET", path, 200))["last_refreshed_at"] == first[
            "last_refreshed_at"
        ]:
            await asyncio.sleep(0.2)
    assert (found["status"], found["error_message"]) == ("ready", None)
    assert until_next(found) > DAY - MINUTE
    reply = await tenant.ask(bot_id, "When does the ferry to the island leave?")
    assert "nine in the evening" in reply["message"]["content"]


async def test_a_killed_scheduler_loses_no_refresh_and_makes_none_twice(stack: Stack, tenant: Tenant) -> None:
    children = [
        {"name": f"Ferry {n}", "source_type": "text", "content": f"{n}. {FERRY}", "refresh_schedule": "daily"}
        for n in range(60)
    ]
    body = {"bot_profile_id": await tenant.bot(), "name": "Ferries", "children": children}
    made = await tenant.call("POST", "/v1/sources/batch", 201, json=body)
    ids = [child["id"] for child in made["children"]]
    await make_due(stack, *ids)
    for pause in (0.2, 2.0):
        await asyncio.sleep(pause)
        stack.kill("ingest")
    await asyncio.to_thread(stack.wait_healthy)
    for source_id in ids:
        found = await tenant.ready(source_id)
        assert until_next(found) > DAY - 2 * MINUTE
    events = await events_of_owner(stack, "ingest", ["source.ingest.requested"])
    counted = Counter(event.data["source_id"] for event in events if event.data["trigger"] == "schedule")
    assert [counted[source_id] for source_id in ids] == [1] * len(ids)


async def test_a_schedule_can_be_a_cron_expression_in_a_zone(tenant: Tenant) -> None:
    bot_id = await tenant.bot()
    body = {"bot_profile_id": bot_id, "name": "Ferry", "source_type": "text", "content": FERRY}
    created = await tenant.call("POST", "/v1/sources", 201, json=body)
    path = f"/v1/sources/{created['id']}"
    assert (created["refresh_schedule"], created["next_refresh_at"]) == (None, None)
    schedule = "0 6 * * 1-5 Asia/Kolkata"
    changed = await tenant.call("PATCH", path, 200, json={"refresh_schedule": schedule})
    assert changed["refresh_schedule"] == schedule
    due = datetime.fromisoformat(changed["next_refresh_at"])
    assert (due.hour, due.minute, due.weekday() < 5) == (0, 30, True)
    assert [one["next_refresh_at"] for one in await tenant.call("GET", "/v1/sources", 200)] == [
        changed["next_refresh_at"]
    ]
    await tenant.call("DELETE", path, 204)
    assert (await tenant.call("GET", path, 200))["next_refresh_at"] is None
    back = await tenant.call("PATCH", path, 200, json={"is_active": True})
    assert back["next_refresh_at"] == changed["next_refresh_at"]
    ended = await tenant.call("PATCH", path, 200, json={"refresh_schedule": "none"})
    assert (ended["refresh_schedule"], ended["next_refresh_at"]) == ("none", None)


@pytest.mark.parametrize(
    ("schedule", "sentence"),
    [
        ("fortnightly", "refresh_schedule: A schedule is none, hourly, daily or weekly, or five cron fields"),
        ("0 6 * * * Europe/Bielefeld", "The time zone of the schedule is not in the IANA database"),
        ("0 25 * * *", "The hour field of the schedule's cron expression is not valid"),
        ("* * * * *", "A schedule may ask for a refresh every 5 minutes, not more often."),
    ],
)
async def test_a_schedule_that_means_nothing_is_a_422_that_says_why(
    tenant: Tenant, schedule: str, sentence: str
) -> None:
    child = {"name": "c", "source_type": "text", "content": FERRY, "refresh_schedule": schedule}
    bot_id = await tenant.bot()
    single = {**child, "bot_profile_id": bot_id}
    batch = {"bot_profile_id": bot_id, "name": "p", "children": [child]}
    for path, body in (("/v1/sources", single), ("/v1/sources/batch", batch)):
        problem = await tenant.call("POST", path, 422, json=body)
        assert sentence in problem["detail"]
    assert await tenant.call("GET", "/v1/sources", 200) == []
