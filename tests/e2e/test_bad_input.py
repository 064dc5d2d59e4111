"""Bad input gets a 4xx or a status that a person understands, and changes nothing else."""

import asyncio
import base64
import io
import socket
from typing import Any

import docx
import httpx
import pytest
from api import Tenant
from redirector import Redirector

ZERO = "00000000-0000-0000-0000-000000000000"


def assert_problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """RFC 9457, with a sentence in ``detail``."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert set(problem) >= {"type", "title", "status", "detail", "code", "trace_id"}
    assert isinstance(problem["detail"], str) and problem["detail"]
    return problem


BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b"\xff\xfe",
    b'{"bot_profile_id": 7, "message": "x"}',
    b'{"bot_profile_id": "' + ZERO.encode() + b'", "message": ""}',
    b'{"bot_profile_id": "' + ZERO.encode() + b'", "message": "a\\u0000b"}',
    b'{"bot_profile_id": "' + ZERO.encode() + b'", "message": "\\ud800"}',
    b'{"bot_profile_id": "' + ZERO.encode() + b'", "message": "' + b"x" * 32_001 + b'"}',
    b"[" * 100_000,
    b'{"a":' * 50_000,
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
async def test_a_wrong_body_is_a_problem(tenant: Tenant, body: bytes) -> None:
    response = await tenant.request(
        "POST", "/v1/chat", content=body, headers={"Content-Type": "application/json"}
    )
    problem = assert_problem(response, 422)
    assert problem["errors"]
    assert await tenant.call("GET", "/v1/chat", 200) == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/v1/bot-profiles/{ZERO}"),
        ("GET", f"/v1/sources/{ZERO}"),
        ("POST", f"/v1/sources/{ZERO}/ingest"),
        ("GET", f"/v1/chat/{ZERO}"),
        ("GET", f"/v1/chat/{ZERO}/messages"),
        ("GET", f"/v1/chat/{ZERO}/messages/{ZERO}/stream"),
        ("GET", f"/v1/webhooks/{ZERO}"),
        ("DELETE", f"/v1/webhooks/{ZERO}"),
        ("GET", "/v1/nothing"),
    ],
)
async def test_what_does_not_exist_is_not_found(tenant: Tenant, method: str, path: str) -> None:
    assert_problem(await tenant.request(method, path), 404)


@pytest.mark.parametrize(
    "path", ["/v1/bot-profiles/7", "/v1/sources?limit=-1", "/v1/chat?limit=0", "/v1/chat?offset=-5"]
)
async def test_malformed_ids_and_absurd_limits_are_refused(tenant: Tenant, path: str) -> None:
    assert_problem(await tenant.request("GET", path), 422)


CURSORS = [
    f'["2026-01-02T03:04:05+00:00", "{ZERO}", Infinity]',
    f'["2026-01-02T03:04:05+00:00", "{ZERO}", {10**30}]',
    f'["0001-01-01T00:00:00+14:00", "{ZERO}", 0]',
]


@pytest.mark.parametrize("content", CURSORS, ids=("infinite", "huge", "before the calendar"))
async def test_a_crafted_cursor_is_refused_by_every_list(tenant: Tenant, content: str) -> None:
    bot_id = await tenant.bot()
    chat_id = (await tenant.ask(bot_id, "Hello?"))["message"]["chat_id"]
    cursor = base64.urlsafe_b64encode(content.encode()).decode()
    lists = ("bot-profiles", "sources", "webhooks", "chat", f"chat/{chat_id}/messages", "api-tokens", "audit")
    for name in lists:
        response = await tenant.request("GET", f"/v1/{name}", params={"cursor": cursor})
        assert "cursor" in assert_problem(response, 422)["detail"], name


async def test_a_wrong_method_and_a_missing_credential_are_problems(tenant: Tenant) -> None:
    assert_problem(await tenant.request("PUT", "/v1/chat"), 405)
    response = await tenant.http.get("/v1/sources")
    assert assert_problem(response, 401)["detail"] == "Not authenticated"
    assert response.headers["www-authenticate"] == "Bearer"
    for token, detail in (("x" * 43, "Invalid or revoked API token"), ("a.b.c", "Invalid or expired JWT")):
        response = await tenant.http.get("/v1/sources", headers={"Authorization": f"Bearer {token}"})
        assert assert_problem(response, 401)["detail"] == detail


async def test_a_slug_is_taken_once(tenant: Tenant) -> None:
    slug = (await tenant.call("GET", "/v1/tenants/me", 200))["slug"]
    body = {
        "tenant_name": "B",
        "tenant_slug": slug,
        "owner_email": "b@b.example",
        "owner_password": "long enough 1",
    }
    problem = assert_problem(await tenant.http.post("/v1/tenants", json=body), 409)
    assert problem["detail"] == f"Slug '{slug}' is already taken"


async def test_a_key_used_again_answers_the_same_and_refuses_another_body(tenant: Tenant) -> None:
    headers = {"Idempotency-Key": "one"}
    first = await tenant.call("POST", "/v1/bot-profiles", 201, json={"name": "A"}, headers=headers)
    again = await tenant.call("POST", "/v1/bot-profiles", 201, json={"name": "A"}, headers=headers)
    assert first == again
    response = await tenant.request("POST", "/v1/bot-profiles", json={"name": "B"}, headers=headers)
    assert_problem(response, 422)
    assert len(await tenant.call("GET", "/v1/bot-profiles", 200)) == 1


async def upload(tenant: Tenant, bot_id: str, name: str, data: bytes) -> httpx.Response:
    files = {"file": (name, data, "application/octet-stream")}
    return await tenant.request("POST", "/v1/sources/upload", data={"bot_profile_id": bot_id}, files=files)


def a_pdf(*, encrypted: bool = False) -> bytes:
    """The smallest PDF that has a page, or one that asks for a password."""
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R>>",
    ]
    if encrypted:
        key = "<" + "5a" * 32 + ">"
        objects.append(f"<</Filter/Standard/V 1/R 2/P -4/O {key}/U {key}>>")
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += f"{number} 0 obj{body}endobj\n".encode()
    start = len(out)
    rows = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    encrypt = "/Encrypt 4 0 R/ID[<00><00>]" if encrypted else ""
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{rows}".encode()
    return (
        out + f"trailer<</Size {len(objects) + 1}/Root 1 0 R{encrypt}>>\nstartxref\n{start}\n%%EOF".encode()
    )


FILES = {
    "corrupt.pdf": b"%PDF-1.7\n" + bytes(range(256)) * 20,
    "encrypted.pdf": a_pdf(encrypted=True),
    "blank.pdf": a_pdf(),
    "empty.txt": b"",
    "spaces.md": b" \n\t\n ",
    "latin.txt": "Stra\xdfe".encode("latin-1"),
    "null.txt": b"a\0b",
    "not.docx": b"PK\x03\x04 this is no archive",
}


@pytest.mark.parametrize("name", FILES)
async def test_a_file_that_cannot_be_read_ends_in_a_sentence(tenant: Tenant, name: str) -> None:
    bot_id = await tenant.bot()
    good = await tenant.text_source(bot_id, "The lighthouse keeper's name is Ingrid Solheim.")
    response = await upload(tenant, bot_id, name, FILES[name])
    if response.status_code == 201:
        source = await tenant.settled(response.json()["id"])
        assert source["status"] == "error", source
        detail = source["error_message"]
    else:
        detail = assert_problem(response, 422)["detail"]
    assert len(detail) > 10 and "Traceback" not in detail and "Error(" not in detail
    await tenant.ready(good)
    assert "Ingrid" in (await tenant.ask(bot_id, "Who is the lighthouse keeper?"))["message"]["content"]


async def test_a_wrong_type_and_a_huge_file_are_refused_at_once(tenant: Tenant) -> None:
    bot_id = await tenant.bot()
    problem = assert_problem(await upload(tenant, bot_id, "virus.exe", b"MZ"), 422)
    assert problem["detail"].startswith("Unsupported file type: .exe. Allowed: ")
    problem = assert_problem(await upload(tenant, bot_id, "big.txt", b"x" * (10 * 1024 * 1024 + 1)), 422)
    assert problem["detail"] == "File too large. Maximum size is 10 MB."
    assert await tenant.call("GET", "/v1/sources", 200) == []


async def test_a_hundred_megabytes_are_refused_without_being_read(tenant: Tenant) -> None:
    bot_id = await tenant.bot()
    sent = 0

    async def body() -> Any:
        nonlocal sent
        yield (
            b'--b\r\nContent-Disposition: form-data; name="bot_profile_id"\r\n\r\n'
            + bot_id.encode()
            + b"\r\n"
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        )
        for _ in range(1600):
            sent += 65536
            yield b"x" * 65536
        yield b"\r\n--b--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    try:
        response = await tenant.request("POST", "/v1/sources/upload", content=body(), headers=headers)
    except httpx.TransportError:
        assert sent < 1600 * 65536  # the connection was closed while we were still sending
    else:
        assert response.status_code in (413, 422), response.text
    assert await tenant.call("GET", "/v1/sources", 200) == []


def urls_that_lead_inside() -> list[str]:
    """Loopback, private and metadata addresses, plainly and in disguise."""
    hosts = [
        "127.0.0.2",
        "[::1]",
        "0.0.0.0",
        "10.0.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "2130706434",
    ]
    hosts += ["0x7f000002", "[::ffff:127.0.0.2]", "[::ffff:10.0.0.1]", "100.64.0.1", "[fe80::1]", "[fd00::1]"]
    return [f"http://{host}:9/secret" for host in hosts]


async def test_urls_that_lead_inside_end_in_error(tenant: Tenant) -> None:
    bot_id = await tenant.bot()

    async def outcome(url: str) -> dict[str, Any]:
        body = {"bot_profile_id": bot_id, "name": url, "source_type": "url", "config": {"url": url}}
        response = await tenant.request("POST", "/v1/sources", json=body)
        if response.status_code == 422:
            return {"status": "error", "error_message": response.json()["detail"]}
        source_id = response.json()["id"]
        await tenant.call("POST", f"/v1/sources/{source_id}/ingest", 202)
        return await tenant.settled(source_id)

    outcomes = await asyncio.gather(*(outcome(url) for url in urls_that_lead_inside()))
    assert [found for found in outcomes if found["status"] != "error" or not found["error_message"]] == []


async def test_a_redirect_that_leads_inside_is_not_followed_and_a_404_is_told(tenant: Tenant) -> None:
    bot_id = await tenant.bot()
    canary = socket.socket()
    canary.bind(("127.0.0.3", 0))
    canary.listen()
    canary.setblocking(False)
    async with Redirector(f"http://127.0.0.3:{canary.getsockname()[1]}/") as server:
        for path, words in (("/redirect", "private"), ("/missing", "404")):
            config = {"url": server.url + path}
            body = {"bot_profile_id": bot_id, "name": path, "source_type": "url", "config": config}
            source = await tenant.call("POST", "/v1/sources", 201, json=body)
            await tenant.call("POST", f"/v1/sources/{source['id']}/ingest", 202)
            settled = await tenant.settled(source["id"])
            assert settled["status"] == "error" and settled["error_message"], settled
            assert words in settled["error_message"]
    with pytest.raises(BlockingIOError):
        canary.accept()
    canary.close()


async def test_a_page_is_fetched_and_cited_by_its_url(tenant: Tenant) -> None:
    bot_id = await tenant.bot()
    async with Redirector("/page") as server:
        config = {"url": server.url + "/redirect"}
        body = {"bot_profile_id": bot_id, "name": "Page", "source_type": "url", "config": config}
        source = await tenant.call("POST", "/v1/sources", 201, json=body)
        await tenant.call("POST", f"/v1/sources/{source['id']}/ingest", 202)
        await tenant.ready(source["id"])
    reply = await tenant.ask(bot_id, "Where do the otters sleep?")
    assert "boathouse" in reply["message"]["content"]
    assert reply["sources"][0]["url"].endswith("/page")
    assert reply["sources"][0]["title"] == "Otters"


async def test_a_bot_whose_model_has_no_key_says_what_is_missing(tenant: Tenant) -> None:
    bot_id = await tenant.bot(model="mistral/mistral-small-latest")
    response = await tenant.request("POST", "/v1/chat", json={"bot_profile_id": bot_id, "message": "Hello"})
    problem = assert_problem(response, 422)
    assert "MISTRAL_API_KEY" in problem["detail"] and "minirag/extractive" in problem["detail"]
    assert await tenant.call("GET", "/v1/chat", 200) == []


async def test_files_of_every_kind_are_read(tenant: Tenant) -> None:
    document = docx.Document()
    document.add_heading("Harbour rules", 1)
    document.add_paragraph("Boats longer than nine metres must moor at the western pier.")
    buffer = io.BytesIO()
    document.save(buffer)
    files = {
        "a.txt": b"The western pier closes at dusk.",
        "b.md": b"# Pier\n\nThe western pier closes at dusk.",
        "c.html": b"<html><title>Pier</title><body><p>The western pier closes at dusk.</p></body></html>",
        "d.csv": b"pier,closes\nwestern,at dusk\n",
        "e.docx": buffer.getvalue(),
    }
    for name, data in files.items():
        bot_id = await tenant.bot()
        response = await upload(tenant, bot_id, name, data)
        assert response.status_code == 201, response.text
        source = await tenant.ready(response.json()["id"])
        assert source["config"]["original_filename"] == name and source["config"]["file_size"] == len(data)
        reply = await tenant.ask(bot_id, "Tell me about the western pier")
        assert "western" in reply["message"]["content"], (name, reply)
