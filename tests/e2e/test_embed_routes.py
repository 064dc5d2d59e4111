"""Every route of embed keys and of visitors' sessions through HTTP: status, shape of the body, and what it does."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from api import Tenant, text_of

KEY = {
    "id", "tenant_id", "bot_profile_id", "key", "name", "origins", "visitor_rate", "daily_messages",
    "session_minutes", "is_active", "messages_today", "created_at", "updated_at",
}  # fmt: skip

SESSION = {"session_token", "token_type", "expires_at", "visitor_id", "visitor_token", "bot"}

SITE, SHOP = "https://www.example.com", "https://shop.example.com:8443"

FACE: dict[str, Any] = {"greeting": "Good day!", "suggested_questions": ["When do you open?"]}


async def a_key(tenant: Tenant, bot_id: str, **fields: Any) -> dict[str, Any]:
    """An embed key for pages of the site."""
    body = {"bot_profile_id": bot_id, "name": "Our site", "origins": [SITE], **fields}
    key: dict[str, Any] = await tenant.call("POST", "/v1/embed-keys", 201, json=body)
    return key


async def arrive(
    tenant: Tenant, key: dict[str, Any], expected: int = 201, *, origin: str | None = SITE, **body: str
) -> Any:
    """What a page of an origin gets for a visitor of its own, who shows no credential."""
    headers = {} if origin is None else {"Origin": origin}
    response = await tenant.http.post(f"/v1/embed/{key['key']}/sessions", json=body, headers=headers)
    assert response.status_code == expected, response.text
    assert expected != 201 or response.headers["cache-control"] == "no-store"
    return response.json()


def visitor(tenant: Tenant, session: dict[str, Any], origin: str = SITE) -> Tenant:
    """The tenant, asked by a page for its visitor."""
    asked = tenant.bearing(session["session_token"])
    asked.headers["Origin"] = origin
    return asked


async def used(tenant: Tenant, key: dict[str, Any]) -> int:
    """The messages that the key's visitors have sent today."""
    found: int = (await tenant.call("GET", f"/v1/embed-keys/{key['id']}", 200))["messages_today"]
    return found


async def test_keys_are_made_read_listed_and_changed(tenant: Tenant, stranger: Tenant) -> None:
    bot_id = await tenant.bot()
    idempotent = {"Idempotency-Key": str(uuid4())}
    body = {"bot_profile_id": bot_id, "origins": [f"{SITE}:443/", SHOP, SITE]}
    key = await tenant.call("POST", "/v1/embed-keys", 201, json=body, headers=idempotent)
    assert await tenant.call("POST", "/v1/embed-keys", 201, json=body, headers=idempotent) == key
    assert set(key) == KEY and key["key"].startswith("pk_")
    assert (key["tenant_id"], key["bot_profile_id"], key["name"]) == (tenant.id, bot_id, "")
    assert (key["origins"], key["is_active"], key["messages_today"]) == ([SHOP, SITE], True, 0)
    assert (key["visitor_rate"], key["daily_messages"], key["session_minutes"]) == (20, 2000, 60)
    path = f"/v1/embed-keys/{key['id']}"
    assert await tenant.call("GET", path, 200) == key
    later = [await a_key(tenant, bot_id, name=f"Site {n}") for n in range(3)]
    assert await tenant.call("GET", "/v1/embed-keys", 200) == [*reversed(later), key]
    assert await tenant.paged("/v1/embed-keys") == [one["id"] for one in (*reversed(later), key)]

    wanted = {"name": "Shop", "origins": [SHOP], "visitor_rate": 3, "daily_messages": 9, "session_minutes": 5}
    changed = await tenant.call("PATCH", path, 200, json=wanted)
    assert changed == key | wanted | {"updated_at": changed["updated_at"]}
    assert changed["updated_at"] > key["updated_at"]
    assert await tenant.call("GET", path, 200) == changed
    assert await tenant.call("PATCH", path, 200, json={"name": "Shop"}) == changed

    assert await stranger.call("GET", "/v1/embed-keys", 200) == []
    for method in ("GET", "PATCH", "DELETE"):
        for by, unknown in ((stranger, path), (tenant, f"/v1/embed-keys/{uuid4()}")):
            assert (await by.call(method, unknown, 404, json={}))["detail"] == "Embed key not found"
        await tenant.call(method, "/v1/embed-keys/nonsense", 422, json={})
    assert await tenant.call("GET", path, 200) == changed


@pytest.mark.parametrize(
    "wrong",
    [
        {"origins": []},
        {"origins": ["*"]},
        {"origins": [f"{SITE}/path"]},
        {"origins": ["ftp://example.com"]},
        {"origins": None},
        {"name": "x" * 256},
        {"visitor_rate": 0},
        {"daily_messages": -1},
        {"session_minutes": 61},
    ],
)
async def test_a_key_that_cannot_be_is_refused(tenant: Tenant, wrong: dict[str, Any]) -> None:
    key = await a_key(tenant, await tenant.bot())
    body = {"bot_profile_id": key["bot_profile_id"], "origins": [SITE], **wrong}
    problem = await tenant.call("POST", "/v1/embed-keys", 422, json=body)
    assert problem["code"] == "validation_error"
    await tenant.call("PATCH", f"/v1/embed-keys/{key['id']}", 422, json=wrong)
    assert await tenant.call("GET", "/v1/embed-keys", 200) == [key]


async def test_a_key_is_for_a_bot_of_ones_own(tenant: Tenant, stranger: Tenant) -> None:
    for bot_id in (await stranger.bot(), str(uuid4())):
        body = {"bot_profile_id": bot_id, "origins": [SITE]}
        problem = await tenant.call("POST", "/v1/embed-keys", 422, json=body)
        assert problem["detail"] == "Bot profile not found or belongs to a different tenant"
    assert await tenant.call("GET", "/v1/embed-keys", 200) == []


async def test_a_key_from_its_first_visitor_to_its_end(tenant: Tenant) -> None:
    bot_id = await tenant.bot(name="Porter", **FACE)
    await tenant.ready(await tenant.text_source(bot_id, "The museum opens at nine on weekdays."))
    key = await a_key(tenant, bot_id)
    path = f"/v1/embed-keys/{key['id']}"
    session = await arrive(tenant, key)
    assert set(session) == SESSION and session["token_type"] == "bearer"
    assert session["bot"] == {"id": bot_id, "name": "Porter", **FACE}
    left = datetime.fromisoformat(session["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=59) < left <= timedelta(minutes=60)
    ada = visitor(tenant, session)

    answer = await ada.ask(bot_id, "When does the museum open?")
    assert "nine" in answer["message"]["content"]
    assert await used(tenant, key) == 1
    streamed = await ada.ask_streamed(bot_id, "When does the museum open?", chat_id=answer["chat_id"])
    assert streamed[-1].event == "done" and "nine" in text_of(streamed)
    assert await used(tenant, key) == 2
    [listed] = await tenant.call("GET", "/v1/embed-keys", 200)
    assert listed == key | {"messages_today": 2}
    assert [chat["id"] for chat in await tenant.call("GET", "/v1/chat", 200)] == [answer["chat_id"]]

    moved = await tenant.call("PATCH", path, 200, json={"origins": [SHOP]})
    assert moved["origins"] == [SHOP]
    assert (await arrive(tenant, key, 403))["code"] == "origin_not_allowed"
    assert (await ada.refused("/v1/chat", 403))["code"] == "origin_not_allowed"
    problem = await ada.call("POST", "/v1/chat", 403, json={"bot_profile_id": bot_id, "message": "Hello?"})
    assert problem["code"] == "origin_not_allowed"
    bea = visitor(tenant, await arrive(tenant, key, origin=SHOP), SHOP)
    await bea.ask(bot_id, "When does the museum open?")
    assert await used(tenant, key) == 3

    for _ in range(2):
        assert await tenant.call("DELETE", path, 204) is None
    assert (await bea.refused("/v1/chat"))["status"] == 401
    await bea.call("POST", "/v1/chat", 401, json={"bot_profile_id": bot_id, "message": "Hello?"})
    await arrive(tenant, key, 404, origin=SHOP)
    ended = await tenant.call("GET", path, 200)
    assert (ended["is_active"], ended["messages_today"]) == (False, 3)
    assert await tenant.call("GET", "/v1/embed-keys", 200) == [ended]
    await tenant.call("PATCH", path, 404, json={"name": "Again"})


async def test_a_visitor_has_their_own_bot_and_chats_and_nothing_else(tenant: Tenant) -> None:
    bot_id, other_bot = await tenant.bot(), await tenant.bot()
    key = await a_key(tenant, bot_id)
    first = await arrive(tenant, key)
    ada, bea = visitor(tenant, first), visitor(tenant, await arrive(tenant, key))
    chat_id = (await ada.ask(bot_id, "Hello?"))["chat_id"]
    for path in (f"/v1/chat/{chat_id}", f"/v1/chat/{chat_id}/messages"):
        await ada.call("GET", path, 200)
        await bea.call("GET", path, 404)
    assert await bea.call("GET", "/v1/chat", 200) == []
    returned = await arrive(tenant, key, visitor_token=first["visitor_token"])
    assert returned["visitor_id"] == first["visitor_id"]
    again = visitor(tenant, returned)
    assert [chat["id"] for chat in await again.call("GET", "/v1/chat", 200)] == [chat_id]

    problem = await ada.call("POST", "/v1/chat", 403, json={"bot_profile_id": other_bot, "message": "Hello?"})
    assert problem["code"] == "other_bot"
    for path in ("/v1/auth/me", "/v1/bot-profiles", "/v1/sources", "/v1/embed-keys", "/v1/stats/overview"):
        assert (await ada.call("GET", path, 403))["code"] == "forbidden"
    elsewhere = visitor(tenant, first, SHOP)
    assert (await elsewhere.call("GET", "/v1/chat", 403))["code"] == "origin_not_allowed"
    assert await used(tenant, key) == 1


async def test_pages_that_get_no_session(tenant: Tenant, stranger: Tenant) -> None:
    key = await a_key(tenant, await tenant.bot())
    for origin in (None, SHOP, "http://www.example.com", "null", f"{SITE}.evil.example"):
        assert (await arrive(tenant, key, 403, origin=origin))["code"] == "origin_not_allowed"
    await arrive(tenant, {"key": "pk_unknown"}, 404)
    await arrive(tenant, {"key": "nonsense"}, 422)
    foreign = await arrive(stranger, await a_key(stranger, await stranger.bot()))
    for wrong in ("nonsense", foreign["visitor_token"], (await arrive(tenant, key))["session_token"]):
        await arrive(tenant, key, 401, visitor_token=wrong)


async def test_a_budget_is_spent_and_a_refused_question_costs_nothing(tenant: Tenant) -> None:
    bot_id = await tenant.bot()
    key = await a_key(tenant, bot_id, daily_messages=1)
    ada = visitor(tenant, await arrive(tenant, key))
    body = {"bot_profile_id": bot_id, "message": "Hello?"}
    await ada.call("POST", "/v1/chat", 404, json=body | {"chat_id": str(uuid4())})
    assert await used(tenant, key) == 0
    await ada.call("POST", "/v1/chat", 200, json=body)
    refused = await ada.request("POST", "/v1/chat", json=body)
    assert (refused.status_code, refused.json()["code"]) == (429, "budget_spent")
    assert 0 < int(refused.headers["retry-after"]) <= 86_400
    assert await used(tenant, key) == 1
    await tenant.call("PATCH", f"/v1/embed-keys/{key['id']}", 200, json={"daily_messages": 2})
    await ada.call("POST", "/v1/chat", 200, json=body)
    assert await used(tenant, key) == 2
