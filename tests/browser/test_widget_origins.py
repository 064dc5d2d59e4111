"""Whose pages may read what: pages of other people with the owner's cookies in the browser, and visitors beside their session."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from dashboards import Dashboard
from pages import Complaints, until
from playwright.async_api import Page, expect
from widgets import Embedded, Visitor

PATHS = [
    "/v1/auth/browser",
    "/v1/auth/me",
    "/v1/bot-profiles",
    "/v1/chat",
    "/v1/sources",
    "/v1/users",
    "/v1/api-tokens",
    "/v1/embed-keys",
    "/v1/webhooks",
    "/v1/events",
    "/v1/stats/overview",
    "/v1/chat/export?format=csv",
]
# What a page gets to read, by any kind of request that a page can make on its own: status and body, or nothing.
SPY = """async ([api, paths]) => {
  const kinds = [{}, {credentials: 'include'}, {credentials: 'include', mode: 'no-cors'},
    {credentials: 'include', headers: {'X-CSRF-Token': 'x'}}];
  const read = [];
  for (const path of paths)
    for (const kind of kinds) {
      const answer = await fetch(api + path, kind).catch(() => null);
      const text = answer && answer.type !== 'opaque' ? await answer.text() : '';
      if (answer?.ok || text && answer.status < 400) read.push([path, JSON.stringify(kind), answer.status, text.slice(0, 200)]);
    }
  for (const body of ['{"name": "Evil"}', 'name=Evil'])
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json'])
      await fetch(`${api}/v1/bot-profiles`, {method: 'POST', credentials: 'include', body, headers: {'Content-Type': type},
        mode: type.endsWith('json') ? 'cors' : 'no-cors'}).catch(() => null);
  const frame = document.body.appendChild(document.createElement('iframe'));
  await new Promise((done) => { frame.onload = done; frame.src = `${api}/dashboard/`; });
  try { if (frame.contentDocument?.body) read.push(['frame', frame.contentDocument.body.innerText]); } catch {}
  return read;
}"""


@pytest.mark.parametrize("origin", ["origin", "other_origin"], ids=["same site", "other site"])
async def test_pages_of_other_people_read_nothing_of_an_owner_who_is_logged_in(
    embedded: Embedded, dashboard: Dashboard, page: Page, complaints: Complaints, origin: str
) -> None:
    """Cookies are sent by pages of another port of the same host as well: what keeps these out is not the cookie's alone."""
    complaints.allow("CORS policy|ERR_|status of 4|[Ff]raming|policy: frame")
    await page.goto(dashboard.url)
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    own = [path for path in PATHS if path != "/v1/events"]  # which never ends
    assert {path for path, *_ in await page.evaluate(SPY, [embedded.api, own])} == {*own}
    embedded.write("/spy", "")
    await page.goto(f"{getattr(embedded.site, origin)}/spy")
    assert await page.evaluate(SPY, [embedded.api, PATHS]) == []
    assert [bot["name"] for bot in await embedded.tenant.call("GET", "/v1/bot-profiles", 200)] == ["Porter"]


CALL = """async ([api, token, method, path, body]) => {
  const headers = {Authorization: `Bearer ${token}`, ...(body ? {'Content-Type': 'application/json'} : {})};
  const answer = await fetch(api + path, {method, headers, body: body && JSON.stringify(body)});
  return [answer.status, await answer.json().catch(() => null)];
}"""


async def arrived(embedded: Embedded, visitor: Visitor) -> str:
    """The session of a visitor who has just opened the chat."""
    async with visitor.page.expect_response(lambda one: one.url.endswith("/sessions") and one.ok) as session:
        await visitor.page.goto(embedded.put())
        await visitor.open()
    return str(json.loads(await (await session.value).text())["session_token"])


async def test_a_session_serves_its_own_bot_and_visitor_until_its_key_is_revoked(
    embedded: Embedded,
    page: Page,
    visitor: Visitor,
    open_page: Callable[..., Awaitable[Page]],
    complaints: Complaints,
) -> None:
    complaints.allow("status of 4")

    async def call(token: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        status, told = await page.evaluate(CALL, [embedded.api, token, method, path, body])
        return status, told

    ada = await arrived(embedded, visitor)
    await visitor.ask("When does the museum open?")
    await visitor.answered()
    bea = await arrived(embedded, Visitor(await open_page()))
    [chat] = await embedded.chats()
    answer = (await embedded.messages())[-1]["id"]
    other = await embedded.tenant.bot(name="Another")

    assert [one["id"] for one in (await call(ada, "GET", "/v1/chat"))[1]] == [chat["id"]]
    assert await call(bea, "GET", "/v1/chat") == (200, [])
    one = f"/v1/chat/{chat['id']}"
    ask = {"message": "Hello?", "bot_profile_id": embedded.bot_id, "chat_id": chat["id"]}
    for method, path, body in (
        ("GET", one, None),
        ("GET", f"{one}/messages", None),
        ("GET", f"{one}/messages/{answer}/stream", None),
        ("POST", f"{one}/messages/{answer}/cancel", None),
        ("PATCH", f"{one}/messages/{answer}/feedback", {"feedback": "negative"}),
        ("POST", "/v1/chat", ask),
    ):
        assert (await call(bea, method, path, body))[0] == 404, path
    refused, told = await call(ada, "POST", "/v1/chat", {"message": "Hello?", "bot_profile_id": other})
    assert (refused, told["code"]) == (403, "other_bot")
    for path in PATHS:
        if path not in ("/v1/chat", "/v1/auth/browser"):
            assert (await call(ada, "GET", path))[0] == 403, path

    await embedded.tenant.call("DELETE", f"/v1/embed-keys/{embedded.key['id']}", 204)
    for token in (ada, bea):

        async def shut_out(token: str = token) -> bool:
            return (await call(token, "GET", "/v1/chat"))[0] == 401

        await until(shut_out)
        assert (await call(token, "POST", "/v1/chat", ask))[0] == 401
