"""The dashboard's files: what is served, how, and nothing else of the disk."""

import asyncio
import gzip
from pathlib import Path
from typing import Any

import minirag_dashboard
import pytest
from gateway_world import World

SCRIPT = "export const answer = 42; // " + "a long line that is worth to be compressed; " * 200
SECRET = "what lies beside the folders"

FILES = {
    "app/index.html": "<!doctype html><title>MiniRAG</title>",
    "app/js/main.js": SCRIPT,
    "app/js/pages/bots.mjs": "export default 1;",
    "app/css/app.css": "body{}",
    "app/locales/en/bots.json": "{}",
    "app/icon.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
    "app/.env": SECRET,
    "app/.git/config.json": SECRET,
    "app/notes.py": SECRET,
    "app/widget/shadowed.js": SECRET,
    "widget/minirag-widget.js": SCRIPT,
    "widget/minirag-widget.css": ":host{}",
    "secret.json": SECRET,
    "app-of-another/secret.json": SECRET,
}

LOAD = (
    ("/dashboard/", "text/html; charset=utf-8"),
    ("/dashboard/index.html", "text/html; charset=utf-8"),
    ("/dashboard/js/main.js", "text/javascript; charset=utf-8"),
    ("/dashboard/js/pages/bots.mjs", "text/javascript; charset=utf-8"),
    ("/dashboard/css/app.css", "text/css; charset=utf-8"),
    ("/dashboard/locales/en/bots.json", "application/json"),
    ("/dashboard/icon.svg", "image/svg+xml"),
    ("/dashboard/config.json", "application/json"),
    ("/dashboard/widget/minirag-widget.js", "text/javascript; charset=utf-8"),
    ("/dashboard/widget/minirag-widget.css", "text/css; charset=utf-8"),
)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two folders with files, and secrets around them."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "app/link.json").symlink_to(tmp_path / "secret.json")
    (tmp_path / "app/outside").symlink_to(tmp_path)
    monkeypatch.setattr(minirag_dashboard, "APP", tmp_path / "app")
    monkeypatch.setattr(minirag_dashboard, "WIDGET", tmp_path / "widget")
    return tmp_path


@pytest.fixture
async def served(files: Path, start_world: Any) -> World:
    world: World = await start_world(signup="invite")
    return world


@pytest.mark.parametrize("path", ["/", "/dashboard"])
async def test_people_are_led_there(served: World, path: str) -> None:
    answer = await served.client.get(path)
    assert (answer.status_code, answer.headers["location"]) == (307, "/dashboard/")


async def test_every_file_has_its_type_and_may_be_kept_but_not_believed(served: World) -> None:
    for path, media in LOAD:
        answer = await served.client.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, media), path
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
        assert "unsafe" not in policy and "frame-ancestors 'none'" in policy
        head = await served.client.head(path)
        assert (head.status_code, head.content, head.headers["content-type"]) == (200, b"", media)


async def test_a_browser_that_has_a_file_is_told_so(served: World, files: Path) -> None:
    path = "/dashboard/js/main.js"
    first = await served.client.get(path)
    known = {"If-None-Match": first.headers["etag"]}
    again = await served.client.get(path, headers=known)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == "no-cache" and "content-security-policy" in again.headers
    (files / "app/js/main.js").write_text("export const answer = 43;")
    changed = await served.client.get(path, headers=known)
    assert (changed.status_code, changed.text) == (200, "export const answer = 43;")


async def test_files_are_compressed_and_the_api_is_not(served: World) -> None:
    path = "/dashboard/js/main.js"
    async with served.client.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as answer:
        raw = b"".join([piece async for piece in answer.aiter_raw()])
    assert answer.headers["content-encoding"] == "gzip" and "Accept-Encoding" in answer.headers["vary"]
    assert len(raw) < len(SCRIPT) / 10 and gzip.decompress(raw).decode() == SCRIPT
    plain = await served.client.get(path, headers={"Accept-Encoding": "identity", "Range": "bytes=0-9"})
    assert (plain.status_code, plain.text) == (200, SCRIPT)
    document = await served.client.get("/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in document.headers


async def test_pages_of_everybody_load_the_widget_and_nothing_else(files: Path, start_world: Any) -> None:
    world: World = await start_world(allowed_origins="https://listed.example")
    page = {"Origin": "https://shop.example"}
    widget = await world.client.get("/dashboard/widget/minirag-widget.js", headers=page)
    assert widget.headers["access-control-allow-origin"] == "*"
    assert widget.headers["cross-origin-resource-policy"] == "cross-origin"
    for path in ("/dashboard/", "/dashboard/js/main.js"):
        answer = await world.client.get(path, headers=page)
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


async def test_the_login_page_is_told_who_may_sign_up(served: World) -> None:
    answer = await served.client.get("/dashboard/config.json")
    assert answer.json() == {"sign_up": "invite", "version": "1.0.0"}


UP = (
    "..", "%2e%2e", "%2E.", "..%2f..", "%252e%252e", "....", "..;", "..%00", "%c0%ae%c0%ae", "..%5c..", "\\..", "/", "//",
    ".", "%2f", "%5c%5c",
)  # fmt: skip

ELSEWHERE = (
    *(f"/dashboard/{up}/secret.json" for up in UP),
    *(f"/dashboard/js/{up}/{up}/secret.json" for up in UP),
    *(f"/dashboard/widget/{up}/app/notes.py" for up in UP),
    *(f"/dashboard/widget/{up}/secret.json" for up in UP),
    "/dashboard/../app-of-another/secret.json",
    "/dashboard/..-of-another/secret.json",
    "/dashboard//etc/passwd",
    "/dashboard/%2fetc%2fpasswd",
    "/dashboard/.env",
    "/dashboard/%2eenv",
    "/dashboard/.git/config.json",
    "/dashboard/notes.py",
    "/dashboard/link.json",
    "/dashboard/outside/secret.json",
    "/dashboard/widget/shadowed.js",
    "/dashboard/js",
    "/dashboard/js/",
    "/dashboard/js/main.js/",
    "/dashboard/js/main.js%00.json",
    "/dashboard/widget",
    "/dashboard/widget/",
    "/dashboard/JS/main.js",
    "/dashboard/js/nothing.js",
    f"/dashboard/{'a' * 5000}.js",
    "/dashboard/" + "a/" * 3000 + "a.js",
    "/dashboard/%ff.js",
    "/dashboard/con%0d%0aSet-Cookie:%20x=y.js",
)


async def test_nothing_else_of_the_disk_is_served_whatever_way_is_tried(served: World) -> None:
    """Over a socket, since clients tidy paths up."""
    host, port = served.url.removeprefix("http://").split(":")
    for path in ELSEWHERE:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode("latin-1"))
        answer = (await reader.read()).decode()
        writer.close()
        assert answer.startswith("HTTP/1.1 404"), (path, answer[:200])
        assert SECRET not in answer and "root:" not in answer and "set-cookie" not in answer.lower()


async def test_what_is_not_there_is_a_problem_with_the_same_headers(served: World) -> None:
    answer = await served.client.get("/dashboard/nothing.html")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "content-security-policy" in answer.headers and "etag" not in answer.headers
    for path in ("/dashboard/js/main.js", "/dashboard/config.json", "/dashboard/nothing.js"):
        answer = await served.client.post(path, json={})
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
        assert answer.headers["allow"] == "GET, HEAD"


async def test_a_gateway_whose_files_are_not_made_yet_serves_the_api(
    start_world: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(minirag_dashboard, "APP", tmp_path / "missing")
    monkeypatch.setattr(minirag_dashboard, "WIDGET", tmp_path / "missing")
    world: World = await start_world()
    for path in ("/dashboard/", "/dashboard/index.html", "/dashboard/widget/minirag-widget.js"):
        answer = await world.client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await world.client.get("/health")).status_code == 200
