"""OpenTelemetry behind the seam: when it is loaded, whose variables it reads, and that it sends what ran."""

import asyncio
import json
import logging
import subprocess
import sys

import pytest
from minirag_contracts import tracing
from minirag_service.logging import JsonFormatter
from minirag_service.telemetry.traces import asked_for, traced
from otlp import collecting

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = f"00-{TRACE}-00f067aa0ba902b7-01"
ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        (ENDPOINT | {"OTEL_TRACES_EXPORTER": "none"}, False),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_the_standard_variables_decide(environment: dict[str, str], wanted: bool) -> None:
    assert asked_for(environment) is wanted


async def test_spans_are_sent_with_their_parents_and_the_rest_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
        async with traced("chat"):
            with tracing.span("a", {"n": 1}, parent=CALLER, kind="server") as span:
                assert span.traceparent[3:35] == TRACE
                with tracing.span("b"):
                    span.fail("quota_exceeded")
        assert not tracing.active()
    [first, second] = sorted(collector.spans, key=lambda span: span.name)
    assert (first.service, first.trace_id, first.kind) == ("minirag-chat", TRACE, "server")
    assert (first.parent_id, second.parent_id) == ("00f067aa0ba902b7", first.span_id)
    assert first.failed and first.attributes == {"n": 1, "error.type": "quota_exceeded"}
    assert b"deployment.environment.name" in collector.raw[0]


async def test_what_is_not_sampled_is_not_sent_and_still_has_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
        async with traced("chat"):
            with tracing.span("a", root=True) as span:
                assert span.traceparent.endswith(("-00", "-02"))
                assert int(span.traceparent[3:35], 16)
    assert collector.spans == []


async def test_a_collector_that_is_away_delays_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    async with asyncio.timeout(20), traced("chat"):
        with tracing.span("a", root=True):
            pass


def test_a_log_line_tells_the_trace_that_it_belongs_to() -> None:
    record = logging.LogRecord("x", logging.INFO, "f", 1, "hello", None, None)
    formatter = JsonFormatter("chat")
    assert "trace_id" not in json.loads(formatter.format(record))
    with tracing.span("a", parent=CALLER):
        assert json.loads(formatter.format(record))["trace_id"] == TRACE
        record.trace_id = "of its own"
        assert json.loads(formatter.format(record))["trace_id"] == "of its own"


def test_nothing_of_opentelemetry_is_loaded_where_nobody_traces() -> None:
    code = "import sys, minirag_service.running; print(any(m.startswith(('opentelemetry', 'uvicorn')) for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
