"""A trace for every request (W3C Trace Context), and one line in the log about it."""

import logging
import os
import re
import time
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger("minirag_gateway.access")

KEY = "minirag.trace"
PRINCIPAL_KEY = "minirag.principal"

_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})\Z")


@dataclass(frozen=True, slots=True)
class Trace:
    """The trace that a request belongs to, and our span in it."""

    trace_id: str
    traceparent: str


def begin(traceparent: str) -> Trace:
    """Continues the caller's trace, or starts one if there is none or it is malformed."""
    match = _TRACEPARENT.match(traceparent)
    trace_id, flags = (match[1], match[2]) if match else (os.urandom(16).hex(), "01")
    return Trace(trace_id, f"00-{trace_id}-{os.urandom(8).hex()}-{flags}")


def trace_of(scope: Any) -> Trace:
    """The trace of a request in flight."""
    trace: Trace | None = scope.get(KEY)
    return trace or begin("")


class Tracing:
    """Outermost ASGI middleware: names the trace, returns it as ``X-Request-Id``, writes the access line.

    The line has the route's pattern, never a path, query or text.
    """

    def __init__(self, app: ASGIApp, *, access_log: bool = True) -> None:
        self._app = app
        self._access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one exchange under its trace."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace = begin(
            next((value.decode("latin-1") for name, value in scope["headers"] if name == b"traceparent"), "")
        )
        scope[KEY] = trace
        started, status = time.perf_counter(), 0

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", trace.trace_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, named)
        finally:
            if self._access_log:
                _write(scope, trace, status, time.perf_counter() - started)


def _write(scope: Scope, trace: Trace, status: int, seconds: float) -> None:
    route = scope.get("route")
    principal = scope.get(PRINCIPAL_KEY)
    logger.info(
        "request",
        extra={
            "method": scope["method"],
            "route": getattr(route, "path", "unmatched"),
            "status": status,
            "ms": round(seconds * 1000, 2),
            "tenant_id": str(principal.tenant.id) if principal else None,
            "trace_id": trace.trace_id,
        },
    )
