"""A browser's session: what its cookies are, when they count, and who else would like to use them."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from http.cookies import Morsel, SimpleCookie
from typing import Any
from uuid import uuid4

import httpx
import pytest
from browsers import BROWSER, LOGIN, REFRESH, Browser
from cryptography.fernet import Fernet
from gateway_world import PASSWORD, World
from minirag_gateway.adapters.signing import KeyedSigner
from minirag_gateway.domain.access import MATRIX, Permission
from operations import OPERATIONS, Operation
from subscriber import Subscriber
from turning import turning


@pytest.fixture
async def browser(world: World) -> AsyncIterator[Browser]:
    """Logged in as an owner."""
    assert (await world.sign_up()).status_code == 201
    async with httpx.AsyncClient(base_url=world.url, timeout=30) as http:
        browser = Browser(http, world.url)
        await browser.log_in()
        yield browser


def cookies_of(response: httpx.Response) -> dict[str, Morsel[str]]:
    found: SimpleCookie = SimpleCookie()
    for line in response.headers.get_list("set-cookie"):
        found.load(line)
    return dict(found)


def refused(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def ended(browser: Browser, jar: dict[str, str]) -> None:
    """A copy of the cookies is worth nothing within a second."""
    async with turning(1), httpx.AsyncClient(base_url=browser.origin) as thief:
        cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())}
        while (await thief.get("/v1/auth/me", headers=cookie)).status_code != 401:
            await asyncio.sleep(0.01)
        assert (await thief.post(REFRESH, headers=cookie)).status_code == 401


async def test_a_login_gives_cookies_that_no_script_reads_and_no_other_page_sends(world: World) -> None:
    await world.sign_up()
    answer = await world.client.post(BROWSER, json=LOGIN)
    assert answer.status_code == 200, answer.text
    session, refresh = (cookies_of(answer)[name] for name in ("minirag_session", "minirag_refresh"))
    assert (session["path"], refresh["path"]) == ("/v1", BROWSER)
    for cookie in (session, refresh):
        assert (cookie["httponly"], cookie["samesite"], cookie["secure"]) == (True, "strict", "")
        assert 14 * 86400 - 5 <= int(cookie["max-age"]) <= 14 * 86400
        assert cookie.value not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    found = answer.json()
    assert set(found) == {"user", "tenant", "permissions", "csrf_token", "expires_in"}
    assert found["permissions"] == sorted(MATRIX["owner"])
    assert 3590 <= found["expires_in"] <= 3600


async def test_a_page_that_is_loaded_again_is_told_the_same(browser: Browser) -> None:
    answer = await browser.send("GET", BROWSER)
    again = answer.json()
    assert (again["csrf_token"], again["user"]["email"]) == (browser.csrf, LOGIN["email"])
    assert (again["permissions"], again["tenant"]["name"]) == (sorted(MATRIX["owner"]), "Example Ltd")
    assert answer.headers["cache-control"] == "no-store"
    assert 0 < again["expires_in"] <= 3600


@pytest.mark.parametrize("trusted", ["127.0.0.0/8", ""])
async def test_cookies_are_secure_under_https_also_behind_a_proxy_that_is_trusted(
    start_world: Any, trusted: str
) -> None:
    world: World = await start_world(trusted_proxies=trusted)
    await world.sign_up()
    told = {"X-Forwarded-Proto": "https", "Host": "rag.example"}
    answer = await world.client.post(BROWSER, json=LOGIN, headers=told)
    assert {bool(cookie["secure"]) for cookie in cookies_of(answer).values()} == {bool(trusted)}
    for origin, counts in (("https://rag.example", bool(trusted)), ("http://rag.example", not trusted)):
        answer = await world.client.post(BROWSER, json=LOGIN, headers=told | {"Origin": origin})
        assert answer.status_code == (200 if counts else 403), origin


FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "same-origin, cross-site"},
    {"Sec-Fetch-Site": ""},
    *(
        {"Sec-Fetch-Site": "same-origin", "Origin": origin}
        for origin in (
            "null",
            "",
            "https://evil.example",
            "http://127.0.0.1",
            "http://127.0.0.1:1",
            "https://{}",
        )
    ),
    {"Origin": "http://{}.evil.example"},
    {"Origin": "http://{}/"},
    {"Origin": "http://{}, http://{}"},
    {"Origin": "http://evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"},
]


@pytest.mark.parametrize("sent", FOREIGN, ids=str)
async def test_another_page_cannot_use_the_cookies_whatever_it_knows(
    browser: Browser, sent: dict[str, str]
) -> None:
    """Not to read, not to write with the right token, not to log somebody in or refresh, of our own site or not."""
    host = browser.origin.removeprefix("http://")
    headers = {name: value.replace("{}", host) for name, value in sent.items()}
    name = {"tenant_name": "Mine now"}
    for method, path, body in (
        ("GET", "/v1/tenants/me", None),
        ("GET", BROWSER, None),
        ("PATCH", "/v1/tenants/me", name),
        ("POST", BROWSER, LOGIN),
        ("POST", REFRESH, None),
        ("DELETE", BROWSER, None),
    ):
        headers |= {"X-CSRF-Token": browser.csrf}
        answer = await browser.http.request(method, path, json=body, headers=headers)
        assert refused(answer) == (403, "foreign_page"), path
        assert "set-cookie" not in answer.headers
    assert (await browser.send("GET", "/v1/tenants/me")).json()["name"] == "Example Ltd"


async def test_what_the_user_typed_and_what_is_no_browser_may_read(browser: Browser) -> None:
    for headers in (
        {},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin", "Origin": browser.origin},
    ):
        assert (await browser.http.get("/v1/tenants/me", headers=headers)).status_code == 200
    named = {"Host": "RAG.example:80", "Origin": "http://rag.example", "Cookie": _line(browser.jar)}
    assert (await browser.http.get("/v1/tenants/me", headers=named)).status_code == 200


async def test_a_command_needs_the_token_of_this_very_session(browser: Browser, world: World) -> None:
    async with httpx.AsyncClient(base_url=world.url) as http:
        other = Browser(http, world.url)
        await other.log_in()  # the same user in another browser
        foreign = other.csrf
    jar, name = browser.jar, {"tenant_name": "New name"}
    wrong = ["", "x", foreign, browser.csrf[:-1], f"{browser.csrf}=", browser.csrf.swapcase(), *jar.values()]
    for token in wrong:
        answer = await browser.send("PATCH", "/v1/tenants/me", json=name, headers={"X-CSRF-Token": token})
        assert refused(answer) == (403, "csrf_token"), token
    raw = {"X-CSRF-Token": "é".encode("latin-1")}
    assert (await browser.http.patch("/v1/tenants/me", json=name, headers=raw)).status_code == 403  # type: ignore[arg-type]
    assert (await browser.http.patch("/v1/tenants/me", json=name)).status_code == 403
    answer = await browser.send("PATCH", "/v1/tenants/me", json=name)
    assert (answer.status_code, answer.json()["name"]) == (200, "New name")
    assert answer.headers["cache-control"] == "no-store"


def _commands() -> list[Operation]:
    return [
        each
        for each in OPERATIONS
        if each.permission is not Permission.PUBLIC and each.method not in ("GET", "HEAD")
    ]


async def test_no_route_at_all_takes_a_command_without_the_token(browser: Browser) -> None:
    assert len(_commands()) > 30
    for operation in _commands():
        ids = {name: str(uuid4()) for name in operation.path_ids}
        options = operation.request(ids)
        answer = await browser.http.request(options.pop("method"), options.pop("url"), **options)
        assert refused(answer) == (403, "csrf_token"), operation.name


async def test_an_authorization_header_counts_alone(browser: Browser, world: World) -> None:
    theirs = (await world.sign_up(tenant_name="Theirs", owner_email="other@example.com")).json()
    for value in ("Bearer nonsense", "Basic b3duZXI6", ""):
        answer = await browser.send("GET", "/v1/tenants/me", headers={"Authorization": value})
        assert answer.status_code == 401
    bearer = {"Authorization": f"Bearer {theirs['api_token']}"}
    cross = bearer | {"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.example"}
    answer = await browser.http.patch("/v1/tenants/me", json={"tenant_name": "X"}, headers=cross)
    assert (answer.status_code, answer.json()["id"]) == (200, theirs["tenant"]["id"])
    assert refused(await browser.send("GET", BROWSER, headers=bearer)) == (401, "no_browser_session")


async def test_nothing_but_the_jwt_of_a_login_is_a_session(browser: Browser, world: World) -> None:
    token = (await world.sign_up(owner_email="third@example.com")).json()["api_token"]
    jar = browser.jar
    browser.http.cookies.clear()
    for value in (token, jar["minirag_refresh"], "a.b.c", "", jar["minirag_session"] + "x"):
        answer = await browser.http.get("/v1/tenants/me", headers={"Cookie": f"minirag_session={value}"})
        assert answer.status_code == 401, value
    for path in ("/v1/tenants/me", BROWSER):
        assert (await browser.http.get(path)).status_code == 401
    assert refused(await browser.http.post(REFRESH)) == (401, "no_browser_session")
    only = {"Cookie": f"minirag_refresh={jar['minirag_session']}"}
    assert (await browser.http.post(REFRESH, headers=only)).status_code == 401


async def test_logging_out_ends_the_session_and_removes_both_cookies(browser: Browser) -> None:
    jar = browser.jar
    answer = await browser.send("DELETE", BROWSER)
    assert answer.status_code == 204
    gone = cookies_of(answer)
    assert {(name, cookie["path"], cookie["max-age"], cookie.value) for name, cookie in gone.items()} == {
        ("minirag_session", "/v1", "0", ""),
        ("minirag_refresh", BROWSER, "0", ""),
    }
    assert browser.jar == {}
    await ended(browser, jar)


async def test_a_refresh_needs_no_token_and_a_cookie_that_was_exchanged_long_ago_ends_the_login(
    browser: Browser,
) -> None:
    first, csrf = browser.jar, browser.csrf
    answer = await browser.send("POST", REFRESH, headers={"X-CSRF-Token": ""})
    assert (answer.status_code, answer.json()["csrf_token"]) == (200, csrf)
    second = browser.jar
    assert second["minirag_refresh"] != first["minirag_refresh"]
    again = await browser.http.post(REFRESH, headers={"Cookie": _line(first)})  # the first reply was lost
    assert cookies_of(again)["minirag_refresh"].value == second["minirag_refresh"]
    assert (await browser.send("POST", REFRESH)).status_code == 200
    third = browser.jar
    browser.http.cookies.clear()
    stolen = await browser.http.post(REFRESH, headers={"Cookie": _line(first)})
    assert refused(stolen) == (401, "invalid_refresh_token")
    await ended(browser, third)


async def test_a_session_dies_with_its_user_and_with_their_password(browser: Browser, world: World) -> None:
    made = (
        await browser.send("POST", "/v1/users", json={"email": "m@example.com", "password": PASSWORD})
    ).json()
    async with httpx.AsyncClient(base_url=world.url) as one, httpx.AsyncClient(base_url=world.url) as two:
        member, elsewhere = Browser(one, world.url), Browser(two, world.url)
        assert (await member.log_in(email="m@example.com"))["permissions"] == sorted(MATRIX["member"])
        await elsewhere.log_in(email="m@example.com")
        assert (await member.send("GET", "/v1/users")).status_code == 403
        passwords = {"current_password": PASSWORD, "new_password": "another horse"}
        assert (await member.send("POST", "/v1/auth/password", json=passwords)).status_code == 204
        await ended(elsewhere, elsewhere.jar)
        assert (await member.send("GET", BROWSER)).status_code == 200
        assert (await browser.send("DELETE", f"/v1/users/{made['id']}")).status_code == 204
        await ended(member, member.jar)


@pytest.mark.usefixtures("one_window")
async def test_logins_by_browser_are_counted_with_the_others(start_world: Any) -> None:
    world: World = await start_world(limit_logins=3)
    await world.sign_up()
    for path in ("/v1/auth/login", BROWSER, BROWSER):
        assert (await world.client.post(path, json=LOGIN | {"password": "wrong"})).status_code == 401
    assert refused(await world.client.post(BROWSER, json=LOGIN)) == (429, "rate_limited")


@pytest.mark.usefixtures("one_window")
async def test_refused_cookies_are_counted_like_any_refused_credential(start_world: Any) -> None:
    world: World = await start_world(limit_failed_authentications=2)
    cookie = {"Cookie": "minirag_session=a.b.c"}
    answers = [(await world.client.get(BROWSER, headers=cookie)).status_code for _ in range(3)]
    assert answers == [401, 401, 429]


def test_a_token_of_a_page_outlives_a_rotation_as_long_as_its_session() -> None:
    old, new, session_id = Fernet.generate_key().decode(), Fernet.generate_key().decode(), uuid4()
    before, after, later = KeyedSigner([old]), KeyedSigner([new, old]), KeyedSigner([new])
    token = before.csrf_token(session_id)
    assert after.is_csrf_token(session_id, token) and after.csrf_token(session_id) != token
    assert not after.is_csrf_token(uuid4(), token)
    assert not later.is_csrf_token(session_id, token)


def _line(jar: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in jar.items())


async def test_streams_uploads_and_exports_work_by_cookie_and_a_stream_ends_with_the_session(
    browser: Browser, world: World
) -> None:
    bot_id = await _a_bot(browser)
    question = {"bot_profile_id": bot_id, "message": "When?", "stream": True}
    answer = await browser.send("POST", "/v1/chat", json=question)
    assert answer.headers["content-type"].startswith("text/event-stream") and "event: done" in answer.text
    export = await browser.send("GET", "/v1/chat/export?format=csv")
    assert (export.status_code, export.headers["content-type"].split(";")[0]) == (200, "text/csv")
    metadata = f"filename {b64encode(b'a.txt').decode()},bot_profile_id {b64encode(bot_id.encode()).decode()}"
    begin = {"Tus-Resumable": "1.0.0", "Upload-Length": "5", "Upload-Metadata": metadata}
    path = (await browser.send("POST", "/v1/uploads", headers=begin)).headers["location"]
    part = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream", "Tus-Resumable": "1.0.0"}
    assert refused(await browser.http.patch(path, content=b"hello", headers=part)) == (403, "csrf_token")
    assert (await browser.send("PATCH", path, content=b"hello", headers=part)).status_code == 204
    head = await browser.http.head(path, headers={"Tus-Resumable": "1.0.0"})
    assert (head.status_code, head.headers["upload-offset"]) == (200, "5")
    subscriber = Subscriber({"Cookie": _line(browser.jar), "Sec-Fetch-Site": "same-origin"})
    async with subscriber.listening(world.url) as stream:
        renamed = await browser.send("PATCH", "/v1/tenants/me", json={"tenant_name": "Heard"})
        assert renamed.status_code == 200
        await subscriber.until(lambda: "tenant.updated" in subscriber.types_seen)
        assert (await browser.send("DELETE", BROWSER)).status_code == 204
        await asyncio.wait_for(stream, 2)


async def _a_bot(browser: Browser) -> str:
    made = await browser.send("POST", "/v1/bot-profiles", json={"name": "Helpdesk"})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])
