"""Cross-origin requests of web pages (Fetch standard): origins of a list, origins that somebody knows, never with cookies."""

import logging
from collections.abc import Awaitable, Callable, Sequence

from minirag_contracts.errors import Refusal
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from minirag_gateway.entrypoints.http import problems
from minirag_gateway.entrypoints.http.remembered import Remembered
from minirag_gateway.entrypoints.http.tracing import trace_of
from minirag_gateway.errors import OriginNotAllowed

logger = logging.getLogger(__name__)

OriginAllowed = Callable[[str], Awaitable[bool]]
"""Whether an origin that is not in the list may call the API nevertheless."""

METHODS = "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS"

MAX_AGE = "600"
"""Seconds for which a browser may remember the answer to a preflight."""

BELIEVED, ORIGINS = 5.0, 1000
"""Seconds for which the answer about an origin that is not in the list is believed, and how many are remembered."""

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
        self._known = Remembered(origin_allowed, BELIEVED, ORIGINS)

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
        try:
            allowed = None if origin is None else await self._answer_for(origin)
        except Refusal as refusal:  # outside of the armour: nobody else makes a problem of it
            logger.warning("origins cannot be told", extra={"trace_id": trace_of(scope).trace_id})
            response = _refused(scope, refusal, {"Vary": "Origin", "Retry-After": "1"})
            await response(scope, receive, send)
            return
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
        return origin if origin in self._origins or await self._known.get(origin) else None

    def _mark(self, headers: MutableHeaders, allowed: str | None) -> None:
        if not self._any:
            headers.add_vary_header("Origin")
        if allowed is not None:
            headers["Access-Control-Allow-Origin"] = allowed
            headers["Access-Control-Expose-Headers"] = self._exposed


def _preflight(scope: Scope, headers: Headers, allowed: str | None) -> Response:
    if allowed is None:
        return _refused(scope, OriginNotAllowed(), {"Vary": PREFLIGHT_VARY})
    answer = {
        "Access-Control-Allow-Origin": allowed,
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Max-Age": MAX_AGE,
        "Vary": PREFLIGHT_VARY,
    }
    if wanted := headers.get("access-control-request-headers"):
        answer["Access-Control-Allow-Headers"] = wanted
    return Response(status_code=204, headers=answer)


def _refused(scope: Scope, refusal: Refusal, headers: dict[str, str]) -> Response:
    body = problems.body_of(int(refusal.status), refusal.code, refusal.detail, trace_of(scope).trace_id)
    return Response(body, int(refusal.status), headers, problems.MEDIA_TYPE)
