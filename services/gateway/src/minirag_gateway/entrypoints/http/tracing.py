"""A trace for every request (W3C Trace Context), and one line in the log about it."""

import logging
import os
import re
import time
from dataclasses import dataclass
from typing import Any

from minirag_contracts import tracing
from minirag_contracts.context import trace_id_of
from prometheus_client import Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger("minirag_gateway.access")

KEY = "minirag.trace"
PRINCIPAL_KEY = "minirag.principal"

_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})\Z")


METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SERVER_ERROR = 500

REQUESTS = Histogram(
    "minirag_http_request_seconds",
    "Requests by their route's pattern and the class of their status, from their head to that of the answer.",
    ("method", "route", "status"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)


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
        given = next(
            (value.decode("latin-1") for name, value in scope["headers"] if name == b"traceparent"), ""
        )
        with tracing.span("HTTP", parent=_parent(given), kind="server", root=True) as span:
            await self._exchange(scope, receive, send, span)

    async def _exchange(self, scope: Scope, receive: Receive, send: Send, span: tracing.span) -> None:
        trace = Trace(trace_id_of(span.traceparent, None), span.traceparent)
        scope[KEY] = trace
        started, status, answered = time.perf_counter(), 0, 0.0

        async def named(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status, answered = message["status"], time.perf_counter() - started
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", trace.trace_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, named)
        finally:
            spent = time.perf_counter() - started
            _measure(scope, status, answered or spent, span)
            if self._access_log:
                _write(scope, trace, status, spent)


def _parent(given: str) -> str:
    """The caller's trace if it has a proper one. A new one is begun by the tracer, or by ourselves where nobody traces."""
    if not tracing.active():
        return begin(given).traceparent
    return given if _TRACEPARENT.match(given) else ""


def _measure(scope: Scope, status: int, seconds: float, span: tracing.span) -> None:
    method, route = scope["method"] if scope["method"] in METHODS else "OTHER", _route(scope)
    REQUESTS.labels(method, route, f"{status // 100}xx" if status else "gone").observe(seconds)
    span.name(f"{method} {route}")
    span.set(http__request__method=method, http__route=route, http__response__status_code=status)
    if status >= SERVER_ERROR:
        span.fail(str(status))


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", None) or "unmatched"


def _write(scope: Scope, trace: Trace, status: int, seconds: float) -> None:
    principal = scope.get(PRINCIPAL_KEY)
    logger.info(
        "request",
        extra={
            "method": scope["method"],
            "route": _route(scope),
            "status": status,
            "ms": round(seconds * 1000, 2),
            "tenant_id": str(principal.tenant.id) if principal else None,
            "trace_id": trace.trace_id,
        },
    )
