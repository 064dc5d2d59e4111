"""Every route of sources (spec §8) through HTTP: status, shape of the body, and what it does."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from api import Tenant

FIELDS = {
    "id", "tenant_id", "bot_profile_id", "parent_id", "name", "description", "source_type", "status", "config",
    "document_count", "chunk_count", "error_message", "is_active", "refresh_schedule", "last_refreshed_at",
    "children_count", "created_at", "updated_at", "next_refresh_at",
}  # fmt: skip

HERONS = "Herons nest in the old poplars by the weir. They return from the south in the middle of March."
OTTERS = "Otters were seen again at the mill pond in autumn. The warden counted three of them in October."

ALLOWED = (
    ".csv, .docx, .eml, .epub, .htm, .html, .json, .jsonl, .markdown, .md, .ndjson, .pdf, .pptx, .rst, "
    ".tsv, .txt, .xhtml, .xlsx, .zip"
)


async def cited(tenant: Tenant, bot_id: str, question: str) -> set[str]:
    """The sources that an answer rests on."""
    reply = await tenant.ask(bot_id, question)
    return {source["source_id"] for source in reply["sources"]}


async def child_batch(tenant: Tenant, bot_id: str, *texts: str, **options: Any) -> dict[str, Any]:
    children = [{"name": f"Page {n}", "source_type": "text", "content": text} for n, text in enumerate(texts)]
    body = {"bot_profile_id": bot_id, "name": "Nature trail", "children": children}
    made: dict[str, Any] = await tenant.call("POST", "/v1/sources/batch", 201, json=body, **options)
    return made


async def test_create_list_and_read(tenant: Tenant, stranger: Tenant) -> None:
    bot_id, other_bot = await tenant.bot(), await tenant.bot()
    body = {
        "bot_profile_id": bot_id, "name": "Trail", "description": "d", "source_type": "text", "content": HERONS,
        "config": {"lang": "en"}, "refresh_schedule": "weekly",
    }  # fmt: skip
    source = await tenant.call("POST", "/v1/sources", 201, json=body)
    assert set(source) == FIELDS
    assert (source["status"], source["is_active"], source["children_count"]) == ("pending", True, 0)
    assert (source["config"], source["refresh_schedule"]) == ({"lang": "en"}, "weekly")
    await asyncio.sleep(0.3)
    path = f"/v1/sources/{source['id']}"
    assert await tenant.call("GET", path, 200) == source  # nothing was ingested
    assert await tenant.call("GET", "/v1/sources", 200) == [source]
    assert await tenant.call("GET", f"/v1/sources?bot_profile_id={bot_id}", 200) == [source]
    assert await tenant.call("GET", f"/v1/sources?bot_profile_id={other_bot}", 200) == []
    for method, way in (("GET", ""), ("GET", "/children"), ("PATCH", ""), ("DELETE", ""),
                        ("POST", "/ingest"), ("POST", "/ingest-children")):  # fmt: skip
        problem = await stranger.call(method, path + way, 404, json={"name": "mine"})
        assert problem["detail"] == "Source not found"
        await tenant.call(method, f"/v1/sources/{uuid4()}{way}", 404, json={"name": "x"})
        await tenant.call(method, f"/v1/sources/nonsense{way}", 422, json={"name": "x"})
    assert await tenant.call("GET", path, 200) == source
    await tenant.call("GET", f"{path}?limit=x", 200)
    await tenant.call("GET", "/v1/sources?limit=-1", 422)


async def test_patch_changes_what_it_names_and_the_next_ingestion_takes_it_up(tenant: Tenant) -> None:
    bot_id = await tenant.bot()
    source_id = await tenant.text_source(bot_id, HERONS)
    before = await tenant.ready(source_id)
    path = f"/v1/sources/{source_id}"
    same = await tenant.call("PATCH", path, 200, json={"name": before["name"], "is_active": True})
    assert same == before
    changed = await tenant.call(
        "PATCH", path, 200, json={"name": "Otters", "content": OTTERS, "config": {"a": 1}}
    )
    kept = FIELDS - {"name", "config", "updated_at"}
    assert {field: changed[field] for field in kept} == {field: before[field] for field in kept}
    assert (changed["name"], changed["config"]) == ("Otters", {"a": 1})
    assert "poplars" in (await tenant.ask(bot_id, "Where do herons nest?"))["message"]["content"]
    await tenant.call("POST", f"{path}/ingest", 202)
    await tenant.ready(source_id)
    reply = await tenant.ask(bot_id, "How many otters did the warden count?")
    assert "three" in reply["message"]["content"]
    assert {one["title"] for one in reply["sources"]} == {"Otters"}
    for field in ("name", "description", "config", "is_active"):
        await tenant.call("PATCH", path, 422, json={field: None})
    await tenant.call("PATCH", path, 422, json={"name": "x" * 256})
    await tenant.call("PATCH", path, 422, json={"content": "a\0b"})


@pytest.mark.parametrize("way", ["delete", "patch"])
async def test_a_deleted_source_is_not_cited_by_the_very_next_answer_and_comes_back(
    tenant: Tenant, way: str
) -> None:
    bot_id = await tenant.bot()
    herons = await tenant.text_source(bot_id, HERONS, name="Herons")
    otters = await tenant.text_source(bot_id, OTTERS, name="Otters")
    for source_id in (herons, otters):
        await tenant.ready(source_id)
    assert herons in await cited(tenant, bot_id, "Where do herons nest?")
    path = f"/v1/sources/{herons}"
    if way == "delete":
        await tenant.call("DELETE", path, 204)
    else:
        assert not (await tenant.call("PATCH", path, 200, json={"is_active": False}))["is_active"]
    assert herons not in await cited(tenant, bot_id, "Where do herons nest?")
    await tenant.call("DELETE", path, 204)
    gone = await tenant.call("GET", path, 200)
    assert (gone["id"], gone["is_active"]) == (herons, False)
    assert [one["id"] for one in await tenant.call("GET", "/v1/sources", 200)] == [otters]
    refused = await tenant.call("POST", f"{path}/ingest", 409)
    assert refused["detail"] == "Source is deactivated"
    back = await tenant.call("PATCH", path, 200, json={"is_active": True})
    assert back["is_active"]
    await tenant.ready(herons)
    assert herons in await cited(tenant, bot_id, "Where do herons nest?")


async def test_a_source_that_is_being_ingested_never_answers_after_its_deletion(tenant: Tenant) -> None:
    bot_id = await tenant.bot()
    source_id = await tenant.text_source(bot_id, "\n\n".join(f"{n}. {HERONS}" for n in range(300)))
    refused = await tenant.request("POST", f"/v1/sources/{source_id}/ingest")
    assert refused.status_code in (202, 409), refused.text
    if refused.status_code == 409:
        assert refused.json()["detail"] == "Source is already being processed"
    await tenant.call("DELETE", f"/v1/sources/{source_id}", 204)
    for _ in range(6):
        assert await cited(tenant, bot_id, "Where do herons nest?") == set()
        assert (await tenant.call("GET", f"/v1/sources/{source_id}", 200))["status"] != "processing"
        await asyncio.sleep(0.5)


async def test_a_batch_its_children_and_their_ingestion(tenant: Tenant) -> None:
    bot_id = await tenant.bot()
    key = {"Idempotency-Key": str(uuid4())}
    made = await child_batch(tenant, bot_id, HERONS, OTTERS, HERONS + OTTERS, headers=key)
    assert await child_batch(tenant, bot_id, HERONS, OTTERS, HERONS + OTTERS, headers=key) == made
    parent, children = made["parent"], made["children"]
    assert set(parent) == FIELDS and all(set(child) == FIELDS for child in children)
    assert (parent["children_count"], parent["source_type"], parent["status"]) == (3, "url", "pending")
    assert {child["parent_id"] for child in children} == {parent["id"]}
    path = f"/v1/sources/{parent['id']}"
    assert await tenant.call("GET", f"{path}/children", 200) == children
    assert await tenant.call("GET", "/v1/sources", 200) == [parent]
    newest_first = [child["id"] for child in reversed(children)]
    by_parent = await tenant.call("GET", f"/v1/sources?parent_id={parent['id']}", 200)
    assert [one["id"] for one in by_parent] == newest_first
    flat = await tenant.call("GET", "/v1/sources?include_children=true", 200)
    assert {one["id"] for one in flat} == {parent["id"], *newest_first}

    queued = await tenant.call("POST", f"{path}/ingest-children", 202)
    assert queued == {
        "status": "accepted", "message": "Ingestion queued for 3 child sources", "enqueued": 3,
    }  # fmt: skip
    shown = await tenant.ready(parent["id"])
    settled = await tenant.call("GET", f"{path}/children", 200)
    assert {child["status"] for child in settled} == {"ready"}
    assert shown["chunk_count"] == sum(child["chunk_count"] for child in settled) > 0
    assert await cited(tenant, bot_id, "How many otters did the warden count?")

    await tenant.call("DELETE", path, 204)
    assert await cited(tenant, bot_id, "How many otters did the warden count?") == set()
    gone = [await tenant.call("GET", f"/v1/sources/{one['id']}", 200) for one in (parent, *children)]
    assert [one["is_active"] for one in gone] == [False] * 4
    assert await tenant.call("GET", f"{path}/children", 200) == []
    await tenant.call("PATCH", path, 200, json={"is_active": True})
    await tenant.ready(parent["id"])
    assert await cited(tenant, bot_id, "How many otters did the warden count?")


async def test_batches_and_children_that_are_refused(tenant: Tenant, stranger: Tenant) -> None:
    bot_id, other_bot = await tenant.bot(), await tenant.bot()
    empty = {"bot_profile_id": bot_id, "name": "p", "children": []}
    problem = await tenant.call("POST", "/v1/sources/batch", 422, json=empty)
    assert problem["detail"] == "At least one child source is required"
    mixed = [
        {"name": "good", "source_type": "text"},
        {"name": "bad", "source_type": "url", "config": {"url": "ftp://x"}},
    ]
    await tenant.call("POST", "/v1/sources/batch", 422, json=empty | {"children": mixed})
    assert await tenant.call("GET", "/v1/sources?include_children=true", 200) == []
    foreign = empty | {"bot_profile_id": await stranger.bot(), "children": mixed[:1]}
    problem = await tenant.call("POST", "/v1/sources/batch", 422, json=foreign)
    assert problem["detail"] == "Bot profile not found or belongs to a different tenant"

    made = await child_batch(tenant, bot_id, HERONS)
    parent_id, child_id = made["parent"]["id"], made["children"][0]["id"]
    body = {"bot_profile_id": bot_id, "name": "c", "source_type": "text", "content": OTTERS}
    child = await tenant.call("POST", "/v1/sources", 201, json=body | {"parent_id": parent_id})
    assert child["parent_id"] == parent_id
    for parent, bot, status, detail in (
        (child_id, bot_id, 422, "Nesting beyond one level is not allowed"),
        (parent_id, other_bot, 422, "Parent source belongs to a different bot profile"),
        (str(uuid4()), bot_id, 404, "Source not found"),
    ):
        wrong = body | {"parent_id": parent, "bot_profile_id": bot}
        assert (await tenant.call("POST", "/v1/sources", status, json=wrong))["detail"] == detail


async def test_upload_in_the_order_of_its_checks(tenant: Tenant, stranger: Tenant) -> None:
    bot_id = await tenant.bot()

    async def upload(name: str, data: bytes, expected: int, **fields: str) -> Any:
        form = {"bot_profile_id": bot_id, **fields}
        return await tenant.call(
            "POST", "/v1/sources/upload", expected, files={"file": (name, data)}, data=form
        )

    foreign = await stranger.bot()
    big = b"x" * (10 * 1024 * 1024 + 1)
    problem = await upload("virus.EXE", big, 422, bot_profile_id=foreign)
    assert problem["detail"] == f"Unsupported file type: .exe. Allowed: {ALLOWED}"
    problem = await upload("big.txt", big, 422, bot_profile_id=foreign)
    assert problem["detail"] == "File too large. Maximum size is 10 MB."
    problem = await upload("a.txt", b"x", 422, bot_profile_id=foreign, parent_id=str(uuid4()))
    assert problem["detail"] == "Bot profile not found or belongs to a different tenant"
    assert (await upload("a.txt", b"x", 404, parent_id=str(uuid4())))["detail"] == "Source not found"

    parent_id = (await child_batch(tenant, bot_id, OTTERS))["parent"]["id"]
    source = await upload("trail.MD", HERONS.encode(), 201, parent_id=parent_id)
    assert set(source) == FIELDS
    assert (source["name"], source["parent_id"], source["source_type"]) == ("trail.MD", parent_id, "upload")
    assert source["config"] == {"original_filename": "trail.MD", "file_size": len(HERONS)}
    assert (await tenant.ready(source["id"]))["chunk_count"] == 1
    assert source["id"] in await cited(tenant, bot_id, "Where do herons nest?")
    for name, data in (
        ("bad.txt", b"\xff\xfe\x00\xd8"),
        ("bad.pdf", b"%PDF-1.7 nonsense"),
        ("nul.csv", b"a\0b,c\n"),
    ):
        broken = await tenant.settled((await upload(name, data, 201))["id"])
        assert broken["status"] in ("ready", "error")
        assert (broken["error_message"] is None) == (broken["status"] == "ready")


async def test_lists_are_paged(tenant: Tenant) -> None:
    bot_id = await tenant.bot()
    made = await child_batch(tenant, bot_id, *(f"Page {n}." for n in range(5)))
    expected = [child["id"] for child in made["children"]]
    url: str | None = f"/v1/sources/{made['parent']['id']}/children?limit=2"
    seen: list[str] = []
    while url:
        response = await tenant.request("GET", url)
        seen += [child["id"] for child in response.json()]
        url = response.links.get("next", {}).get("url")
    assert seen == expected
    await tenant.call("GET", f"/v1/sources/{made['parent']['id']}/children?cursor=nonsense", 422)


async def told(tenant: Tenant, bot_id: str) -> set[str]:
    """Which animals the cited passages speak of."""
    reply = await tenant.ask(bot_id, "What was seen of herons, and what of otters?")
    text = " ".join(source["content"] for source in reply["sources"]).lower()
    return {animal for animal in ("herons", "otters") if animal in text}


async def test_versions_are_listed_and_gone_back_to(tenant: Tenant, stranger: Tenant) -> None:
    bot_id = await tenant.bot()
    source_id = await tenant.text_source(bot_id, HERONS)
    await tenant.ready(source_id)
    path = f"/v1/sources/{source_id}"
    await tenant.call("PATCH", path, 200, json={"content": OTTERS})
    await tenant.call("POST", f"{path}/ingest", 202)
    await tenant.ready(source_id)
    assert await told(tenant, bot_id) == {"otters"}
    newest, first = await tenant.call("GET", f"{path}/versions", 200)
    assert (newest["version"], newest["visible"], first["visible"], first["kept"]) == (2, True, False, True)
    assert (newest["added"], newest["changed"], newest["removed"], newest["chunk_count"]) == (0, 1, 0, 1)
    accepted = await tenant.call("POST", f"{path}/rollback", 202)
    assert accepted == {"status": "accepted", "message": "Version 3 is being made", "version": 3}
    await tenant.ready(source_id)
    assert await told(tenant, bot_id) == {"herons"}
    again = await tenant.call("POST", f"{path}/rollback", 202, json={"version": 2})
    assert again["version"] == 4
    await tenant.ready(source_id)
    assert await told(tenant, bot_id) == {"otters"}
    refused = await tenant.call("POST", f"{path}/rollback", 409, json={"version": 99})
    assert refused["code"] == "version_not_kept"
    for way, method in (("versions", "GET"), ("ingestions", "GET"), ("rollback", "POST"), ("cancel", "POST")):
        assert (await stranger.call(method, f"{path}/{way}", 404))["detail"] == "Source not found"


async def test_ingestions_are_seen_and_what_failed_is_taken_up_by_one_call(tenant: Tenant) -> None:
    bot_id = await tenant.bot()
    made = await child_batch(tenant, bot_id, HERONS, " ")
    parent_id, (good, bad) = made["parent"]["id"], (child["id"] for child in made["children"])
    await tenant.call("POST", f"/v1/sources/{parent_id}/ingest-children", 202)
    await tenant.ready(good)
    path = f"/v1/sources/{parent_id}/ingestions"
    async with asyncio.timeout(20):
        while {one["status"] for one in await tenant.call("GET", path, 200)} != {"completed", "failed"}:
            await asyncio.sleep(0.05)
    by_source = {one["source_id"]: one for one in await tenant.call("GET", path, 200)}
    assert (by_source[good]["percent"], by_source[good]["chunk_count"]) == (100, 1)
    assert (by_source[bad]["code"], by_source[bad]["error"]) == ("empty_document", "No content to ingest")
    await tenant.call("PATCH", f"/v1/sources/{bad}", 200, json={"content": OTTERS})
    queued = await tenant.call("POST", f"/v1/sources/{parent_id}/ingest-children?only_failed=true", 202)
    assert queued["enqueued"] == 1
    await tenant.ready(bad)
    assert (await tenant.call("POST", f"/v1/sources/{parent_id}/cancel", 409))["code"] == "nothing_to_cancel"
