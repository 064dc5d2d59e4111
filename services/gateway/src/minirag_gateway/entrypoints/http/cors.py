"""Cross-origin requests of web pages (Fetch standard): origins of a list, origins that somebody knows, never with cookies."""

from collections.abc import Awaitable, Callable, Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from minirag_gateway.entrypoints.http import problems
from minirag_gateway.entrypoints.http.tracing import trace_of
from minirag_gateway.errors import OriginNotAllowed

OriginAllowed = Callable[[str], Awaitable[bool]]
"""Whether an origin that is not in the list may call the API nevertheless."""

METHODS = "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS"

MAX_AGE = "600"
"""Seconds for which a browser may remember the answer to a preflight."""

PREFLIGHT_VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"


async def nobody_else(_: str) -> bool:
    """Only the list counts."""
    return False


class Cors:
    """ASGI middleware. ``*`` in ``origins`` allows every page; else answers vary by origin and name the one that asked."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        origins: Sequence[str],
        exposed: Sequence[str],
        origin_allowed: OriginAllowed = nobody_else,
    ) -> None:
        self._app = app
        self._any = "*" in origins
        self._origins = frozenset(origins)
        self._exposed = ", ".join(exposed)
        self._origin_allowed = origin_allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a preflight; lets anything else through and says in the answer which pages may read it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is None and self._any:
            await self._app(scope, receive, send)
            return
        allowed = None if origin is None else await self._answer_for(origin)
        if scope["method"] == "OPTIONS" and origin and "access-control-request-method" in headers:
            response = _preflight(scope, headers, allowed)
            await response(scope, receive, send)
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._mark(MutableHeaders(scope=message), allowed)
            await send(message)

        await self._app(scope, receive, marked)

    async def _answer_for(self, origin: str) -> str | None:
        if self._any:
            return "*"
        return origin if origin in self._origins or await self._origin_allowed(origin) else None

    def _mark(self, headers: MutableHeaders, allowed: str | None) -> None:
        if not self._any:
            headers.add_vary_header("Origin")
        if allowed is not None:
            headers["Access-Control-Allow-Origin"] = allowed
            headers["Access-Control-Expose-Headers"] = self._exposed


def _preflight(scope: Scope, headers: Headers, allowed: str | None) -> Response:
    if allowed is None:
        refusal = OriginNotAllowed()
        body = problems.body_of(refusal.status, refusal.code, refusal.detail, trace_of(scope).trace_id)
        return Response(body, refusal.status, {"Vary": PREFLIGHT_VARY}, problems.MEDIA_TYPE)
    answer = {
        "Access-Control-Allow-Origin": allowed,
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Max-Age": MAX_AGE,
        "Vary": PREFLIGHT_VARY,
    }
    if wanted := headers.get("access-control-request-headers"):
        answer["Access-Control-Allow-Headers"] = wanted
    return Response(status_code=204, headers=answer)
