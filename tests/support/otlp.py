"""A small OpenTelemetry collector: what services send by OTLP over HTTP (protobuf), kept in memory, and shown as a tree."""

import contextlib
import gzip
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
FAILED = 2


@dataclass(frozen=True, slots=True)
class Span:
    """One span as it was sent."""

    service: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    began: int
    ended: int
    attributes: dict[str, Any]
    failed: bool


class Collector:
    """``url`` is what ``OTEL_EXPORTER_OTLP_ENDPOINT`` names."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.raw: list[bytes] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                wanted = (
                    self.path == "/v1/traces" and self.headers["content-type"] == "application/x-protobuf"
                )
                if wanted:
                    collector.take(body)
                self.send_response(200 if wanted else 404)
                self.send_header("content-type", "application/x-protobuf")
                self.end_headers()
                self.wfile.write(ExportTraceServiceResponse().SerializeToString())

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def take(self, body: bytes) -> None:
        """One request of an exporter."""
        request = ExportTraceServiceRequest.FromString(body)
        self.raw.append(body)
        for resource in request.resource_spans:
            service = _attributes(resource.resource.attributes)["service.name"]
            self.spans += [_span(service, span) for scope in resource.scope_spans for span in scope.spans]

    def of(self, trace_id: str) -> list[Span]:
        """The spans of one trace, by their beginning."""
        return sorted((span for span in self.spans if span.trace_id == trace_id), key=lambda span: span.began)

    def wait(self, trace_id: str, enough: Callable[[list[Span]], bool], seconds: float = 20.0) -> list[Span]:
        """The spans of a trace once there are enough of them, or what there is."""
        deadline = time.monotonic() + seconds
        while not enough(self.of(trace_id)) and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.of(trace_id)


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value") for pair in pairs}


def _span(service: str, span: Any) -> Span:
    return Span(
        service=service,
        name=span.name,
        kind=KINDS[span.kind],
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        began=span.start_time_unix_nano,
        ended=span.end_time_unix_nano,
        attributes=_attributes(span.attributes),
        failed=span.status.code == FAILED,
    )


@contextlib.contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a free port."""
    collector = Collector()
    thread = threading.Thread(target=collector.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        collector.server.shutdown()
        collector.server.server_close()
        thread.join()


def tree(spans: list[Span]) -> str:
    """The trace as lines: when a span began and how long it took in milliseconds, its service, its name, under its parent."""
    known = {span.span_id for span in spans}
    start = min(span.began for span in spans)
    lines = ["   at ms    for ms  service     span"]

    def add(parent_id: str, depth: int) -> None:
        children = [
            s for s in spans if s.parent_id == parent_id or (not parent_id and s.parent_id not in known)
        ]
        for span in children:
            at, took = (span.began - start) / 1e6, (span.ended - span.began) / 1e6
            service = span.service.removeprefix("minirag-")
            lines.append(f"{at:8.1f} {took:9.1f}  {service:<11} {'  ' * depth}{span.name} ({span.kind})")
            add(span.span_id, depth + 1)

    add("", 0)
    return "\n".join(lines) + "\n"
