"""``/dashboard/``: the files of the dashboard and of the widget, as they lie in two folders, and nothing else of the disk.

Files are small and few, so a browser asks about each of them again (``no-cache``) and is mostly told that it has it already.
"""

import json
import re
from pathlib import Path, PurePosixPath

import minirag_dashboard
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from minirag_gateway.entrypoints.http import problems
from minirag_gateway.settings import Settings

PREFIX = "/dashboard"

TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".txt": "text/plain",
    ".json": "application/json",
    ".map": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
"""What is served, by the end of its name; the machine's own table may say otherwise, and browsers are told not to guess."""

PATH = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)*[A-Za-z0-9_-][A-Za-z0-9._-]*")
"""Names without a leading dot, one below the other: no way up, no hidden file, no root, no other system's separator."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

ANYWHERE = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
"""What the widget's files say beyond that, since pages of everybody load them."""

COMPRESSION = 6
"""Level of gzip: within a percent of the best, in half of the time."""


def install(app: Starlette, settings: Settings, version: str) -> None:
    """Serves the dashboard below ``/dashboard/`` and leads people there from ``/``."""

    async def lead(_: Request) -> Response:
        return RedirectResponse(f"{PREFIX}/")

    for path in ("/", PREFIX):
        app.router.add_route(path, lead, include_in_schema=False)
    told = {"sign_up": settings.signup_mode, "version": version}
    widget = Marked(
        GZipMiddleware(Files(minirag_dashboard.WIDGET), compresslevel=COMPRESSION), HEADERS | ANYWHERE
    )
    pages = GZipMiddleware(
        Files(minirag_dashboard.APP, made={"config.json": told}), compresslevel=COMPRESSION
    )
    app.router.routes += [Mount(f"{PREFIX}/widget", widget), Mount(PREFIX, Marked(pages, HEADERS))]


class Files(StaticFiles):
    """One folder by GET and HEAD; ``index.html`` for its root, and beside the files what is ``made`` of values."""

    def __init__(self, folder: Path, made: dict[str, object] | None = None) -> None:
        super().__init__(directory=folder, check_dir=False)
        self._made = {name: json.dumps(value) for name, value in (made or {}).items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one exchange; whatever is wrong is a problem like everywhere."""
        request = Request(scope)
        try:
            response = await self._answer(self.get_path(scope), scope)
        except HTTPException as error:
            code = problems.CODES.get(error.status_code, "http_error")
            response = problems.response(request, error.status_code, code, error.detail, error.headers)
        await response(scope, receive, send)

    def get_path(self, scope: Scope) -> str:
        """The path below the mount as it was sent, decoded once and not tidied up."""
        return str(scope["path"]).removeprefix(str(scope.get("root_path", ""))).removeprefix("/")

    async def _answer(self, path: str, scope: Scope) -> Response:
        if path in self._made and scope["method"] in ("GET", "HEAD"):
            return Response(self._made[path], media_type=TYPES[".json"])
        path = path or "index.html"
        if not PATH.fullmatch(path) or PurePosixPath(path).suffix not in TYPES:
            path = ""  # a folder, which is not served
        return await self.get_response(path, scope)

    def file_response(
        self, full_path: object, stat_result: object, scope: Scope, status_code: int = 200
    ) -> Response:
        """The file, or that nothing about it has changed."""
        path = Path(str(full_path))
        response = FileResponse(
            path,
            status_code,
            media_type=TYPES[path.suffix],
            stat_result=stat_result,  # type: ignore[arg-type]
        )
        del response.headers["accept-ranges"]  # half a compressed file is of no use to anybody
        if self.is_not_modified(response.headers, Headers(scope=scope)):
            return NotModifiedResponse(response.headers)
        return response


class Marked:
    """ASGI middleware: the same headers on every answer, and no ranges of a file."""

    path = f"{PREFIX}/{{file}}"
    """As what the access log names it."""

    def __init__(self, app: ASGIApp, headers: dict[str, str]) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one exchange."""
        scope["route"] = self
        scope = {**scope, "headers": [(name, value) for name, value in scope["headers"] if name != b"range"]}

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        await self._app(scope, receive, marked)
