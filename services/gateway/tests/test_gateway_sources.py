"""The routes of sources: what ingest is asked for each, and how its answers look."""

from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest
from gateway_world import World
from minirag_contracts.ids import new_id
from minirag_contracts.requests.ingest import (
    CreateSourceBatch,
    DeactivateSource,
    IngestChildren,
    ListChildren,
    ListSources,
    UpdateSource,
)

SOURCE = new_id()
PATH = f"/v1/sources/{SOURCE}"


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with await world.a_client() as found:
        yield found


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "New", "unknown": 1},
        {"description": "", "config": {"url": "https://x.example/"}},
        {"content": None, "refresh_schedule": None},
        {"refresh_schedule": "0 6 * * 1-5 Europe/Berlin"},
        {"refresh_schedule": "*/30 8-18 L * MON"},
        {"content": "Words", "refresh_schedule": "weekly", "is_active": False},
    ],
)
async def test_a_patch_asks_for_what_was_sent_and_nothing_else(
    world: World, client: httpx.AsyncClient, body: dict[str, object]
) -> None:
    response = await client.patch(PATH, json=body)
    assert response.status_code == 200, response.text
    asked, context = world.owners.asked[-1]
    assert isinstance(asked, UpdateSource)
    assert (asked.source_id, context.command_id is not None) == (SOURCE, True)
    sent = {key: value for key, value in body.items() if key != "unknown"}
    assert asked.changes.model_dump() == sent
    assert response.json()["id"] == str(SOURCE)


@pytest.mark.parametrize(
    "body",
    [
        *({field: None} for field in ("name", "description", "config", "is_active")),
        {"name": ""},
        {"name": "x" * 256},
        {"description": "x" * 1001},
        {"config": []},
        {"config": {"notes": "x" * 65_536}},
        {"is_active": "yes"},
        {"refresh_schedule": "monthly"},
        {"refresh_schedule": "* * * *"},
        {"content": "a\0b"},
        [],
    ],
)
async def test_a_patch_of_the_wrong_form_is_a_422_and_nobody_is_asked(
    world: World, client: httpx.AsyncClient, body: object
) -> None:
    before = len(world.owners.asked)
    response = await client.patch(PATH, json=body)
    assert response.status_code == 422, response.text
    assert response.json()["code"] == "validation_error"
    assert len(world.owners.asked) == before


@pytest.mark.parametrize(
    "schedule",
    ["monthly", "", "0 6 * *", "0 6 * * * Europe/Berlin UTC", "0  6 * * *", "0 6 * * ?", "* " * 99, 5],
)
async def test_a_schedule_of_the_wrong_form_is_told_in_one_sentence(
    client: httpx.AsyncClient, schedule: object
) -> None:
    response = await client.patch(PATH, json={"refresh_schedule": schedule})
    assert response.status_code == 422
    [error] = response.json()["errors"]
    assert error["loc"] == ["body", "refresh_schedule"]
    assert error["msg"].startswith(
        "A schedule is none, hourly, daily or weekly, or five cron fields and a time zone"
    )


async def test_a_text_that_no_message_can_carry_is_a_413(client: httpx.AsyncClient) -> None:
    response = await client.patch(PATH, json={"content": "x" * 7_500_000})
    assert response.status_code == 413
    children = [{"name": "c", "source_type": "text", "content": "x" * 3_800_000}] * 2
    batch = {"bot_profile_id": str(new_id()), "name": "p", "children": children}
    assert (await client.post("/v1/sources/batch", json=batch)).status_code == 413


async def test_a_delete_is_a_204_with_nothing_in_it(world: World, client: httpx.AsyncClient) -> None:
    response = await client.delete(PATH)
    assert (response.status_code, response.content) == (204, b"")
    assert world.owners.asked[-1][0] == DeactivateSource(source_id=SOURCE)


async def test_a_list_can_be_narrowed_and_flattened(world: World, client: httpx.AsyncClient) -> None:
    bot, parent = new_id(), new_id()
    await client.get("/v1/sources")
    assert world.owners.asked[-1][0] == ListSources()
    query = f"bot_profile_id={bot}&parent_id={parent}&include_children=true&limit=7"
    await client.get(f"/v1/sources?{query}")
    assert world.owners.asked[-1][0] == ListSources(
        bot_id=bot, parent_id=parent, include_children=True, limit=7
    )
    for bad in ("parent_id=x", "bot_profile_id=x", "include_children=perhaps", "limit=0"):
        assert (await client.get(f"/v1/sources?{bad}")).status_code == 422


async def test_children_are_a_bare_array_that_links_to_its_next_page(
    world: World, client: httpx.AsyncClient
) -> None:
    response = await client.get(f"{PATH}/children?limit=1")
    assert [child["parent_id"] for child in response.json()] == [str(SOURCE)]
    assert response.links["next"]["url"] == f"{PATH}/children?limit=1&cursor=more"
    assert world.owners.asked[-1][0] == ListChildren(source_id=SOURCE, limit=1)


async def test_a_batch_answers_parent_and_children(world: World, client: httpx.AsyncClient) -> None:
    bot = new_id()
    children = [{"name": f"c{n}", "source_type": "text", "content": "Words"} for n in range(3)]
    body = {"bot_profile_id": str(bot), "name": "Site", "children": children}
    response = await client.post("/v1/sources/batch", json=body)
    assert response.status_code == 201, response.text
    answer = response.json()
    assert set(answer) == {"parent", "children"}
    assert answer["parent"]["children_count"] == 3
    assert [child["name"] for child in answer["children"]] == ["c0", "c1", "c2"]
    asked = world.owners.asked[-1][0]
    assert isinstance(asked, CreateSourceBatch)
    assert (asked.bot_id, asked.source_type, asked.children[0].content) == (bot, "url", "Words")


async def test_a_batch_without_children_or_with_too_many_is_refused(client: httpx.AsyncClient) -> None:
    body = {"bot_profile_id": str(new_id()), "name": "Site", "children": []}
    response = await client.post("/v1/sources/batch", json=body)
    assert (response.status_code, response.json()["detail"]) == (
        422,
        "At least one child source is required",
    )
    many = [{"name": "c", "source_type": "url"}] * 1001
    assert (await client.post("/v1/sources/batch", json=body | {"children": many})).status_code == 422


async def test_an_idempotency_key_names_the_same_command_again(
    world: World, client: httpx.AsyncClient
) -> None:
    body = {
        "bot_profile_id": str(new_id()),
        "name": "Site",
        "children": [{"name": "c", "source_type": "url"}],
    }
    ids: set[UUID | None] = set()
    for _ in range(2):
        await client.post("/v1/sources/batch", json=body, headers={"Idempotency-Key": "once"})
        ids.add(world.owners.asked[-1][1].command_id)
    assert len(ids) == 1


async def test_ingesting_children_tells_how_many(world: World, client: httpx.AsyncClient) -> None:
    response = await client.post(f"{PATH}/ingest-children")
    assert response.status_code == 202
    assert response.json() == {
        "status": "accepted",
        "message": "Ingestion queued for 3 child sources",
        "enqueued": 3,
    }
    assert world.owners.asked[-1][0] == IngestChildren(source_id=SOURCE)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", "/children"),
        ("POST", "/ingest-children"),
    ],
)
async def test_a_malformed_id_is_a_422(client: httpx.AsyncClient, method: str, path: str) -> None:
    response = await client.request(method, f"/v1/sources/nonsense{path}", json={})
    assert response.status_code == 422


async def test_the_document_says_that_a_patch_may_leave_everything_out(client: httpx.AsyncClient) -> None:
    spec = (await client.get("/openapi.json")).json()
    schema = spec["components"]["schemas"]["SourceUpdate"]
    assert "required" not in schema
    assert not any("default" in field for field in schema["properties"].values())
