"""Spans by OpenTelemetry, sent by OTLP over HTTP. Configured by the standard ``OTEL_*`` variables and by nothing else.

Nothing of it is loaded unless ``OTEL_EXPORTER_OTLP_ENDPOINT`` (or ``…_TRACES_ENDPOINT``) says where to, or
``OTEL_TRACES_EXPORTER`` is ``otlp``. Samplers, batches, headers, certificates and resource attributes are the SDK's to read.
"""

import asyncio
import logging
import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from minirag_contracts import tracing
from minirag_contracts.tracing import Kind, OpenSpan, Value

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span, TracerProvider

logger = logging.getLogger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
GOODBYE = 5.0
"""Seconds that the last spans have to leave when the process ends."""

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


def asked_for(environment: Mapping[str, str]) -> bool:
    """Do the variables ask for traces?"""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporter = environment.get("OTEL_TRACES_EXPORTER", "")
    return exporter == "otlp" or (not exporter and any(environment.get(name) for name in ENDPOINTS))


@asynccontextmanager
async def traced(service: str, environment: Mapping[str, str] = os.environ) -> AsyncIterator[None]:
    """Traces what runs while it is entered, where that is asked for, and sends the rest of it in the end."""
    if not asked_for(environment):
        yield
        return
    provider = _provider(service, environment)
    tracing.use(OpenTelemetryTracer(provider))
    logger.info("traces are sent")
    try:
        yield
    finally:
        tracing.use(None)
        try:
            async with asyncio.timeout(GOODBYE):
                await asyncio.to_thread(provider.shutdown)
        except TimeoutError:
            logger.warning("the last spans were not sent")


def _provider(service: str, environment: Mapping[str, str]) -> "TracerProvider":
    # 15 MB and half a second: only for those who trace.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = {} if environment.get("OTEL_SERVICE_NAME") else {"service.name": f"minirag-{service}"}
    provider = TracerProvider(resource=Resource.create({**named, "service.namespace": "minirag"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


class OpenTelemetryTracer:
    """``minirag_contracts.tracing.Tracer`` by the SDK."""

    def __init__(self, provider: "TracerProvider") -> None:
        from opentelemetry.trace import SpanKind

        self._tracer = provider.get_tracer("minirag")
        self._kinds = {kind.name.lower(): kind for kind in SpanKind}

    def begin(self, name: str, kind: Kind, parent: str, attributes: dict[str, Value]) -> OpenSpan:
        """Begins a span."""
        span = self._tracer.start_span(name, _context(parent), self._kinds[kind], attributes)
        return _Open(span)  # type: ignore[arg-type]  # also where it is not recorded


class _Open:
    def __init__(self, span: "Span") -> None:
        self._span = span
        told = span.get_span_context()
        self.traceparent = f"00-{told.trace_id:032x}-{told.span_id:016x}-{told.trace_flags:02x}"

    def name(self, name: str) -> None:
        self._span.update_name(name)

    def set(self, attributes: dict[str, Value]) -> None:
        self._span.set_attributes(attributes)

    def fail(self, kind: str) -> None:
        from opentelemetry.trace import Status, StatusCode

        self._span.set_attribute("error.type", kind)
        self._span.set_status(Status(StatusCode.ERROR))

    def end(self) -> None:
        self._span.end()


def _context(parent: str) -> "Context":
    from opentelemetry.context import Context
    from opentelemetry.trace import (
        NonRecordingSpan,
        SpanContext,
        TraceFlags,
        set_span_in_context,
    )

    match = _TRACEPARENT.fullmatch(parent)
    if match is None:
        return Context()
    trace_id, span_id, flags = (int(part, 16) for part in match.groups())
    remote = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
    return set_span_in_context(NonRecordingSpan(remote), Context())
